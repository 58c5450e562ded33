"""The module against a stack: it only reads, and it foresees what CloudFormation's own change sets say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from engines.aws import client
from engines.stack import inspection, plan
from engines.stack.plan import Wanted
from engines.stack.template import merge
from rehearsal.recording import recording
from tests.library import modules

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles" / "provision"
NAME = "planned"
GIVEN = {
    "Name": NAME,
    "ParameterPath": f"/{NAME}/local",
    "VpcCidr": "10.20.0.0/16",
    "EgressMode": "endpoints",
    "ContainerPort": "8000",
    "HealthCheckPath": "/health",
    "DatabaseName": "bio_bind_rank",
    "DatabaseUser": "bmii_admin",
    "DatabaseInstanceIdentifier": f"{NAME}-postgres",
    "DatabaseInstanceClass": "db.t4g.medium",
    "DatabaseAllocatedStorage": "20",
    "DatabaseMaxAllocatedStorage": "40",
    "DatabaseEngineVersion": "15.17",
    "DatabaseBackupRetentionDays": "7",
    "DatabaseMultiAz": "false",
    "DatabaseDeletionProtection": "false",
    "DatabaseAccess": "relay",
    "RelayImage": f"public.ecr.aws/docker/library/python@sha256:{'0' * 64}",
    "LogRetentionDays": "30",
}
VARIANTS = {
    "logs": {"LogRetentionDays": "60"},
    "bucket": {"AccessLogsBucketName": f"{NAME}-other"},
    "network": {"VpcCidr": "10.30.0.0/16"},
    "class": {"DatabaseInstanceClass": "db.t4g.large"},
}


def _template():
    parts = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["_provision_template_parts"]
    return merge([ROLE / "files" / part for part in parts])


def _parameters(template):
    """What the role would give: names that are asked for beside ``GIVEN`` are of buckets."""
    asked = [name for name, one in template["Parameters"].items() if "Default" not in one]
    buckets = {name: f"{NAME}-{name.lower()}" for name in asked if name.endswith("BucketName")}
    return {**{name: "1" for name in asked if name not in GIVEN}, **buckets, **GIVEN}


def _request(template, parameters):
    return {
        "StackName": NAME,
        "TemplateBody": json.dumps(template),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()
        ],
    }


def _is_certain(change):
    details = change.get("Details", [])
    return any(one["Evaluation"] == "Static" for one in details)


def _plan(template, parameters, *, check=True, endpoint="", **options):
    arguments = {
        "stack_name": NAME,
        "region": "us-east-1",
        "template_body": json.dumps(template),
        "template_parameters": parameters,
        **options,
    }
    environment = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    return modules.call("stack_plan", arguments, check=check, environment=environment)[0]


@pytest.fixture(scope="module")
def sandbox(aws):
    """A stack, its template and its parameters; and what was planned before it was there."""
    template = _template()
    parameters = _parameters(template)
    client("ssm").put_parameter(Name=f"/{NAME}/local/db_password", Value="Sesame123456", Type="SecureString")
    before = _plan(template, parameters)
    cloudformation = client("cloudformation")
    cloudformation.create_stack(**_request(template, parameters))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return template, parameters, before


def test_on_an_empty_account_it_foresees_every_resource(sandbox):
    before = sandbox[2]
    made = client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
    assert (before["exists"], before["differs"], before["changed"]) == (False, True, True)
    assert {one["logical_id"] for one in before["changes"]} == {one["LogicalResourceId"] for one in made}
    assert before["counts"]["add"] == len(made)


def test_a_stack_that_is_as_wanted_needs_nothing(sandbox):
    template, parameters, _ = sandbox
    answer = _plan(template, parameters)
    assert (answer["differs"], answer["changed"], answer["changes"], answer["settings"]) == (
        False,
        False,
        [],
        [],
    )
    assert answer["outputs"]["ClusterName"] == NAME


def test_outside_check_mode_it_changes_nothing_and_says_so(sandbox):
    template, parameters, _ = sandbox
    answer = _plan(template, parameters | VARIANTS["logs"], check=False)
    assert (answer["differs"], answer["changed"]) == (True, False)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_foresees_what_a_change_set_says(sandbox, variant):
    template, parameters, _ = sandbox
    parameters = parameters | VARIANTS[variant]
    cloudformation = client("cloudformation")
    made = cloudformation.create_change_set(ChangeSetName=variant, **_request(template, parameters))
    cloudformation.get_waiter("change_set_create_complete").wait(
        ChangeSetName=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    found = cloudformation.describe_change_set(ChangeSetName=made["Id"])["Changes"]
    cloudformation.delete_change_set(ChangeSetName=made["Id"])
    found = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in found}
    wanted = Wanted(NAME, "us-east-1", template, parameters)
    ours = {one.logical_id: one.action for one in plan.make(wanted, inspection.read(NAME)).changes}
    # What a change set lists only because AWS will see ("Dynamic") may turn out to stay as it is.
    certain = {name for name, one in found.items() if _is_certain(one)}
    assert certain <= ours.keys() <= found.keys()
    for name, action in ours.items():
        allowed = {"True": {"replace"}, "False": {"change"}, "Conditional": {"change", "replace"}}
        assert action in allowed[found[name]["Replacement"]], name


def test_it_only_reads(sandbox, aws):
    template, parameters, _ = sandbox
    with recording(aws.endpoint) as recorder:
        _plan(template, parameters | VARIANTS["bucket"], endpoint=recorder.endpoint)
        assert recorder.calls
        assert recorder.writes == []


def test_a_setting_of_the_stack_is_a_difference(sandbox):
    template, parameters, _ = sandbox
    answer = _plan(template, parameters, tags={"Team": "test"}, termination_protection=True)
    assert answer["differs"]
    assert answer["settings"] == ["tags", "termination protection: on"]


def test_what_is_done_is_what_was_planned(sandbox):
    """The last test, since it changes the stack: a condition that turns over adds a resource."""
    template, parameters, _ = sandbox
    certificate = f"arn:aws:acm:us-east-1:000000000000:certificate/{'0' * 8}"
    parameters = parameters | {"CertificateArn": certificate} | VARIANTS["logs"]
    before = _resources()
    foreseen = {}
    for one in _plan(template, parameters)["changes"]:
        foreseen.setdefault(one["action"], set()).add(one["logical_id"])
    cloudformation = client("cloudformation")
    cloudformation.update_stack(**_request(template, parameters))
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert foreseen.pop("add") == _resources() - before == {"HttpsListener"}
    groups = {name for name in template["Resources"] if name.endswith("LogGroup")}
    assert foreseen == {"change": {"BalancerSecurityGroup", "HttpListener", *groups}}
    assert not _plan(template, parameters)["differs"]


def _resources():
    found = client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
    return {one["LogicalResourceId"] for one in found}
