"""Two environments in one account, the name of one the beginning of the other's: each torn down alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engines.aws import client
from engines.stack import lifecycle
from engines.teardown.apply import teardown
from tests.engines.teardown.world import World

WAITS = {"timeout": 60, "patience": 5}
NAME = "side"


def environment(suffix: str) -> World:
    world = World(NAME + suffix)
    world.tags = {**world.tags, "Environment": suffix.strip("-") or "production"}
    return world


def everything(world: World) -> dict[str, str]:
    """Return all that the account holds of an environment, as text, apart from what time alone changes."""
    formation, ecs, s3 = client("cloudformation"), client("ecs"), client("s3")
    [stack] = formation.describe_stacks(StackName=world.name)["Stacks"]
    found: dict[str, Any] = {
        "stack": stack,
        "template": formation.get_template(StackName=world.name)["TemplateBody"],
        "resources": formation.list_stack_resources(StackName=world.name)["StackResourceSummaries"],
    }
    [service] = ecs.describe_services(cluster=world.name, services=[world.name])["services"]
    found["service"] = [service[key] for key in ("serviceArn", "status", "taskDefinition", "desiredCount")]
    definitions = ecs.list_task_definitions(familyPrefix=world.name)["taskDefinitionArns"]
    found["definitions"] = [one for one in definitions if f"/{world.name}:" in one]
    found["images"] = client("ecr").describe_images(repositoryName=world.name)["imageDetails"]
    found["parameters"] = client("ssm").get_parameters_by_path(
        Path=world.path, Recursive=True, WithDecryption=True
    )["Parameters"]
    for bucket in world.buckets.values():
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
    for instance in (f"{world.name}-postgres", world.kept_database):
        [database] = client("rds").describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"]
        found[instance] = database
    prefixes = (f"/ecs/{world.name}", f"/aws/rds/instance/{world.kept_database}/")
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
        if one["AlarmName"].rpartition("-")[0].startswith(world.name)
        and ("staging" in one["AlarmName"]) == ("staging" in world.name)
    ]
    return {kind: json.dumps(one, sort_keys=True, default=str) for kind, one in found.items()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", ["", "-staging"])
def test_each_is_torn_down_alone(aws, first: str) -> None:
    [other] = {"", "-staging"} - {first}
    gone, stays = environment(first), environment(other)
    for world in (gone, stays):
        world.provision()
        world.use()
    before = everything(stays)
    teardown(gone.platform(delete_data=True), **WAITS)
    after = everything(stays)
    assert {kind: (before[kind], one) for kind, one in after.items() if one != before[kind]} == {}
    assert lifecycle.find(gone.name) is None
    assert client("ssm").get_parameters_by_path(Path=gone.path, Recursive=True)["Parameters"] == []
    teardown(stays.platform(delete_data=True), **WAITS)
    assert lifecycle.find(stays.name) is None
