"""Two environments in one account, the name of one the beginning of the other's: each torn down alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engines.aws import client
from engines.stack import lifecycle
from engines.teardown.apply import teardown
from tests.engines.teardown.sandbox import Sandbox

WAITS = {"timeout": 250, "patience": 120}
NAME = "side"


def environment(suffix: str) -> Sandbox:
    sandbox = Sandbox(NAME + suffix)
    sandbox.tags = {**sandbox.tags, "Environment": suffix.strip("-") or "production"}
    return sandbox


def everything(sandbox: Sandbox) -> dict[str, str]:
    """Return all that the account holds of an environment, as text, apart from what time alone changes."""
    formation, ecs, s3 = client("cloudformation"), client("ecs"), client("s3")
    [stack] = formation.describe_stacks(StackName=sandbox.name)["Stacks"]
    found: dict[str, Any] = {
        "stack": stack,
        "template": formation.get_template(StackName=sandbox.name)["TemplateBody"],
        "resources": formation.list_stack_resources(StackName=sandbox.name)["StackResourceSummaries"],
    }
    [service] = ecs.describe_services(cluster=sandbox.name, services=[sandbox.name])["services"]
    found["service"] = [service[key] for key in ("serviceArn", "status", "taskDefinition", "desiredCount")]
    definitions = ecs.list_task_definitions(familyPrefix=sandbox.name)["taskDefinitionArns"]
    found["definitions"] = [one for one in definitions if f"/{sandbox.name}:" in one]
    found["images"] = client("ecr").describe_images(repositoryName=sandbox.name)["imageDetails"]
    found["parameters"] = client("ssm").get_parameters_by_path(
        Path=sandbox.path, Recursive=True, WithDecryption=True
    )["Parameters"]
    for bucket in sandbox.buckets.values():
        found[f"tags of {bucket}"] = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        found[bucket] = [
            (
                one["Key"],
                one["VersionId"],
                s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"]
                .read()
                .decode(),
            )
            for one in s3.list_object_versions(Bucket=bucket).get("Versions", [])
        ]
    for instance in (f"{sandbox.name}-postgres", sandbox.kept_database):
        [database] = client("rds").describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
        found[instance] = database
    prefixes = (f"/ecs/{sandbox.name}", f"/aws/rds/instance/{sandbox.kept_database}/")
    groups = [
        one
        for each in prefixes
        for one in client("logs").describe_log_groups(logGroupNamePrefix=each)["logGroups"]
    ]
    found["logs"] = [
        (one["logGroupName"], one.get("retentionInDays"))
        for one in groups
        if one["logGroupName"] == prefixes[0] or one["logGroupName"].startswith(prefixes[1])
    ]
    found["alarms"] = [
        one["AlarmName"]
        for one in client("cloudwatch").describe_alarms()["MetricAlarms"]
        if one["AlarmName"].rpartition("-")[0].startswith(sandbox.name)
        and ("staging" in one["AlarmName"]) == ("staging" in sandbox.name)
    ]
    return {kind: json.dumps(one, sort_keys=True, default=str) for kind, one in found.items()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", ["", "-staging"])
def test_each_is_torn_down_alone(aws, first: str) -> None:
    [other] = {"", "-staging"} - {first}
    gone, stays = environment(first), environment(other)
    for sandbox in (gone, stays):
        sandbox.provision()
        sandbox.use()
    before = everything(stays)
    teardown(gone.platform(delete_data=True), **WAITS)
    after = everything(stays)
    assert {kind: (before[kind], one) for kind, one in after.items() if one != before[kind]} == {}
    assert lifecycle.find(gone.name) is None
    assert client("ssm").get_parameters_by_path(Path=gone.path, Recursive=True)["Parameters"] == []
    teardown(stays.platform(delete_data=True), **WAITS)
    assert lifecycle.find(stays.name) is None
