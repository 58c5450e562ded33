"""Provisions and teardowns that are killed, each at another call to AWS, then taken down to nothing."""

from __future__ import annotations

import os
import signal

import pytest
from botocore.client import BaseClient

from engines.aws import client
from engines.stack import lifecycle
from engines.teardown.apply import teardown
from tests.engines.teardown.sandbox import Sandbox
from tests.stress import size

NAME = "swept"
KILLS = size(sample=2, full=40)
WAITS = {"timeout": 250, "patience": 120}


@pytest.fixture(scope="module")
def sandbox(aws):
    return Sandbox(NAME, protected=True)


def _build(sandbox):
    sandbox.provision()
    sandbox.use()


def _destroy(sandbox):
    teardown(sandbox.platform(), **WAITS)


def _apart(work, sandbox, *, kill_before=0):
    """Do the work in a process of its own; kill it before the call of that number. Return the calls made."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _count_calls(writer, kill_before)
        try:
            work(sandbox)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        calls = len(pipe.read())
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) == bool(kill_before)
    return calls


def _count_calls(writer, kill_before):
    original, made = BaseClient._make_api_call, []

    def counted(self, operation, options):
        made.append(operation)
        if len(made) == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(writer, b".")
        return original(self, operation, options)

    BaseClient._make_api_call = counted


def _left(sandbox):
    """What the account holds of the platform, asked without the engine that is tested."""
    found = client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "Project", "Values": [NAME]}]
    )
    ec2, filters = client("ec2"), [{"Name": "tag:Project", "Values": [NAME]}]
    named = (
        *(one["Name"] for one in client("ssm").describe_parameters()["Parameters"]),
        *(one["DBInstanceIdentifier"] for one in client("rds").describe_db_instances()["DBInstances"]),
        *(one["LoadBalancerName"] for one in client("elbv2").describe_load_balancers()["LoadBalancers"]),
        *(one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]),
        *(one["RoleName"] for one in client("iam").list_roles()["Roles"]),
    )
    return {
        *(one["ResourceARN"] for one in found["ResourceTagMappingList"]),
        *(one["VpcId"] for one in ec2.describe_vpcs(Filters=filters)["Vpcs"]),
        *(one["SubnetId"] for one in ec2.describe_subnets(Filters=filters)["Subnets"]),
        *(name for name in named if NAME in name),
        *client("ecs").list_task_definitions(familyPrefix=NAME)["taskDefinitionArns"],
        *([NAME] if lifecycle.find(NAME) else []),
    }


def _instants(calls):
    """Numbers of calls, spread over all of them."""
    return [1 + (2 * number + 1) * calls // (2 * KILLS) for number in range(KILLS)]


@pytest.mark.timeout(900)
def test_every_killed_teardown_and_provision_is_taken_down_to_its_data(sandbox):
    buckets = {f"arn:aws:s3:::{name}" for name in sandbox.buckets.values()}
    work = {_build: _apart(_build, sandbox), _destroy: _apart(_destroy, sandbox)}
    assert _left(sandbox) == buckets

    for number in range(KILLS):
        killed = (_build, _destroy)[number % 2]
        if killed is _destroy:
            _build(sandbox)
        _apart(killed, sandbox, kill_before=_instants(work[killed])[number])
        done = teardown(sandbox.platform(), **WAITS)

        assert {thing["kind"] for thing in done["things"]} == {"bucket", "snapshot"}, number
        assert _left(sandbox) == buckets, number
        assert teardown(sandbox.platform(), **WAITS)["actions"] == [], number

    assert sandbox.content() == b"second"
    assert teardown(sandbox.platform(delete_data=True), **WAITS)["things"] == []
    assert _left(sandbox) == set()
