"""The module against a stack in the emulated account: what is changed by hand is found, and nothing else."""

from __future__ import annotations

import json

import pytest

from engines.aws import client
from rehearsal.recording import recording
from tests.library import modules

NAME = "drifting"
TEMPLATE = {
    "Resources": {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": NAME, "RetentionInDays": 30}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{NAME}-bucket"}},
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
    }
}


def _drift(endpoint=""):
    environment = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    return modules.call("stack_drift", {"stack_name": NAME, "region": "us-east-1"}, environment=environment)[
        0
    ]


@pytest.fixture(scope="module")
def account(aws):
    before = _drift()
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return aws, before


def test_a_stack_that_is_not_there_has_no_drift(account):
    assert account[1]["exists"] is False
    assert account[1]["lines"] == ["STACK  drifting does not exist (yet)"]


def test_what_was_changed_by_hand_is_found_without_a_write(account):
    assert _drift()["drifted"] == []
    client("logs").put_retention_policy(logGroupName=NAME, retentionInDays=7)
    client("s3").delete_bucket(Bucket=f"{NAME}-bucket")
    with recording(account[0].endpoint) as recorder:
        found = _drift(recorder.endpoint)
        assert recorder.writes == []
    drifted = {one["logical_id"]: one for one in found["drifted"]}
    assert {name: one["status"] for name, one in drifted.items()} == {"Logs": "MODIFIED", "Bucket": "DELETED"}
    [difference] = drifted["Logs"]["differences"]
    assert difference == {"path": "/RetentionInDays", "before": "30", "after": "7"}
    assert set(found["unchecked"]) == {"Network"}
    assert "      /RetentionInDays: 30 -> 7" in found["lines"]
