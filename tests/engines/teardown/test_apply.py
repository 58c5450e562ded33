"""The platform as the role builds it: taken down, proven gone, built again over its own data, taken down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from engines.aws import client
from engines.stack import lifecycle
from engines.teardown import apply
from engines.teardown.apply import teardown
from engines.teardown.errors import TeardownError
from engines.teardown.inspection import survey
from engines.teardown.model import Thing
from tests.engines.teardown.sandbox import Sandbox

NAME = "goes"


@pytest.fixture(scope="module")
def sandbox(aws):
    """One platform for this file, whose tests follow upon each other, beside what is somebody else's."""
    client("ec2").create_vpc_endpoint(VpcId="vpc-1", ServiceName="com.amazonaws.us-east-1.s3")
    client("ec2").allocate_address(Domain="vpc")
    sandbox = Sandbox(NAME, protected=True)
    sandbox.provision()
    sandbox.use()
    return sandbox


def _kept(sandbox):
    return {("bucket", name) for name in sandbox.buckets.values()} | {
        ("snapshot", f"{NAME}-postgres-final-snapshot"),
        ("snapshot", f"{sandbox.kept_database}-final"),
    }


def _things(answer):
    return {(thing["kind"], thing["name"]) for thing in answer["things"]}


@pytest.fixture(scope="module")
def gone(sandbox):
    """What check mode says, what is there after it, and what the teardown then says."""
    platform = sandbox.platform()
    before = survey(platform)
    planned = teardown(platform, check=True)
    return planned, (before, survey(platform)), teardown(platform, timeout=250, patience=120)


def test_check_mode_says_what_the_run_does_and_does_nothing(gone):
    planned, (before, after), done = gone

    assert planned["changed"]
    # The image does not exist, so a task is replaced by another one all the time.
    assert replace(after, tasks=()) == replace(before, tasks=())
    assert planned["actions"] == done["actions"]


def test_a_service_tasks_images_and_protections_go_before_the_stack(gone):
    steps = [action["step"] for action in gone[2]["actions"]]

    assert steps[0] == "service"
    before = set(steps[: steps.index("stack")])
    assert {"definitions", "images", "rollback instance", "database protection", "stack protection"} <= before
    assert steps[-1] == "parameters"


def test_data_is_what_is_left_and_the_table_says_so(sandbox, gone):
    done = gone[2]

    assert _things(done) == _kept(sandbox)
    assert sandbox.content() == b"second"
    assert any(line.endswith("kept: data") and f"{NAME}-raw" in line for line in done["table"])


def test_aws_knows_nothing_else_of_it(sandbox, gone):
    """Asked without the engine that is tested."""
    tagged = client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "Project", "Values": [NAME]}]
    )["ResourceTagMappingList"]
    ecs = client("ecs")

    assert {one["ResourceARN"] for one in tagged} == {
        f"arn:aws:s3:::{name}" for name in sandbox.buckets.values()
    }
    assert lifecycle.find(NAME) is None
    assert client("ec2").describe_vpcs(Filters=[{"Name": "tag:Project", "Values": [NAME]}])["Vpcs"] == []
    assert client("ssm").get_parameters_by_path(Path=sandbox.path, Recursive=True)["Parameters"] == []
    assert ecs.list_task_definitions(familyPrefix=NAME)["taskDefinitionArns"] == []
    assert client("rds").describe_db_snapshots(DBInstanceIdentifier=f"{NAME}-postgres")["DBSnapshots"]
    with pytest.raises(ClientError, match="NotFound"):
        client("rds").describe_db_instances(DBInstanceIdentifier=f"{NAME}-postgres")
    assert not client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/rds/instance/{NAME}-")[
        "logGroups"
    ]
    with pytest.raises(ClientError, match="NotFound"):
        client("rds").describe_db_instances(DBInstanceIdentifier=sandbox.kept_database)
    with pytest.raises(ClientError, match="NotFound"):
        client("ecr").describe_repositories(repositoryNames=[NAME])


def test_a_second_run_does_nothing(sandbox, gone):
    again = teardown(sandbox.platform(), timeout=250, patience=120)

    assert (again["changed"], again["actions"]) == (False, [])
    assert _things(again) == _kept(sandbox)


def test_the_next_stack_takes_the_data_in_and_goes_as_well(sandbox, gone):
    adopted = sandbox.provision()
    content, policy = sandbox.content(), client("s3").get_bucket_policy(Bucket=f"{NAME}-raw")
    done = teardown(sandbox.platform(), timeout=250, patience=120)

    assert set(adopted) == set(sandbox.buckets.values())
    assert content == b"second"
    assert "aws:SecureTransport" in policy["Policy"]
    assert _things(done) == _kept(sandbox)


def test_an_import_that_was_killed_before_it_began_is_taken_back(sandbox, gone, monkeypatch):
    original = BaseClient._make_api_call

    def killed(self, operation, options):
        if operation == "ExecuteChangeSet":
            raise KeyboardInterrupt
        return original(self, operation, options)

    monkeypatch.setattr(BaseClient, "_make_api_call", killed)
    with pytest.raises(KeyboardInterrupt):
        sandbox.provision()
    monkeypatch.undo()
    assert lifecycle.find(NAME).status == "REVIEW_IN_PROGRESS"

    assert _things(teardown(sandbox.platform(), timeout=250, patience=120)) == _kept(sandbox)
    assert lifecycle.find(NAME) is None


def test_what_is_left_by_somebody_else_s_hand_is_named(sandbox, gone, monkeypatch):
    stray = f"arn:aws:sns:us-east-1:000000000000:{NAME}-by-hand"
    client("sns").create_topic(
        Name=f"{NAME}-by-hand", Tags=[{"Key": key, "Value": value} for key, value in sandbox.tags.items()]
    )
    try:
        with pytest.raises(TeardownError, match=f"1 things are still there: tagged {stray}"):
            teardown(sandbox.platform(), timeout=60, patience=0)
    finally:
        client("sns").delete_topic(TopicArn=stray)


def test_what_aws_lists_for_a_while_is_given_time(sandbox, gone, monkeypatch):
    answers = [[Thing("cluster", NAME)], [Thing("cluster", NAME)], []]
    monkeypatch.setattr(apply, "left", lambda platform, found: answers.pop(0))

    assert teardown(sandbox.platform(), timeout=250, patience=120)["things"] == []
    assert answers == []


def test_with_consent_the_data_go_too(sandbox, gone):
    state = f"{NAME}-state"
    client("s3").create_bucket(Bucket=state)
    done = teardown(sandbox.platform(delete_data=True, state_bucket=state), timeout=250, patience=120)
    buckets = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]

    assert [action["step"] for action in done["actions"]] == [*["bucket"] * 5, "snapshots"]
    assert _things(done) == {("bucket", state)}
    assert [name for name in buckets if name.startswith(NAME)] == [state]
    assert not client("rds").describe_db_snapshots(DBInstanceIdentifier=f"{NAME}-postgres")["DBSnapshots"]
