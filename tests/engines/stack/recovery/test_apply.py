"""Stacks that are stuck, each as AWS would leave it, are explained and brought to where a run goes on."""

from __future__ import annotations

import json
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from engines.aws import client
from engines.stack import explain, lifecycle, recover
from engines.stack.errors import StackError
from engines.stack.recovery import events

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}
# What nobody signals fails after its timeout, whatever else there is.
HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
FAILING = {
    "Type": "AWS::CloudFormation::WaitCondition",
    "DependsOn": "Topic",
    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
}
BROKEN = {"Topic": TOPIC, "Handle": HANDLE, "Failing": FAILING}


def failing_on_demand(after):
    """What fails once `fail` is called, when resource ``after`` is there."""
    return {**FAILING, "DependsOn": after, "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "250"}}


def fail(name):
    """Let what fails on demand fail, as soon as the stack waits for it."""
    signal = {"LogicalResourceId": "Failing", "UniqueId": "one", "Status": "FAILURE"}
    deadline = time.monotonic() + 120
    while True:
        try:
            client("cloudformation").signal_resource(StackName=name, **signal)
            return
        except ClientError:
            assert time.monotonic() < deadline, "the stack has not come so far"
            time.sleep(0.1)


@pytest.fixture
def name(aws):
    return f"stuck-{uuid.uuid4().hex[:8]}"


def template(**resources):
    return json.dumps({"Resources": resources})


def create(name, resources, **options):
    client("cloudformation").create_stack(StackName=name, TemplateBody=template(**resources), **options)
    return settled(name)


def settled(name):
    deadline = time.monotonic() + 120
    while (stack := lifecycle.find(name)) and (stack.busy or not stack.status):
        assert time.monotonic() < deadline, stack
        time.sleep(0.1)
    return stack


def bucket(name):
    """A bucket that AWS cannot delete once something is in it."""
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}


def fill(name):
    client("s3").put_object(Bucket=name, Key="one", Body=b"one")


def fill_as_soon_as_it_is_there(name):
    while name not in [one["Name"] for one in client("s3").list_buckets()["Buckets"]]:
        time.sleep(0.1)
    fill(name)


def empty(name):
    client("s3").delete_object(Bucket=name, Key="one")


def test_a_stack_that_is_not_there_or_fine_is_unchanged(name):
    assert recover(name) == {"changed": False, "status": "", "condition": "", "recovered": ""}
    create(name, {"Topic": TOPIC})
    assert recover(name)["status"] == "CREATE_COMPLETE"
    assert not recover(name, name)["changed"]


@pytest.mark.parametrize(
    ("options", "status"), [({}, "ROLLBACK_COMPLETE"), ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED")]
)
def test_a_creation_that_failed_is_explained_and_by_consent_removed(name, options, status):
    assert create(name, BROKEN, **options).status == status

    with pytest.raises(StackError, match=f"{status}: its creation failed.*Failing .*WaitCondition") as caught:
        recover(name)
    assert f"-e provision_recover_stack={name}" in caught.value.remedy
    assert recover(name, check=True)["condition"].startswith(f"is in {status}")
    assert recover(name, name, check=True)["changed"]
    assert lifecycle.find(name).status == status
    with pytest.raises(StackError):
        recover(name, "another")

    assert recover(name, name)["changed"]
    assert lifecycle.find(name) is None
    assert create(name, {"Topic": TOPIC}).status == "CREATE_COMPLETE"


def test_a_protected_creation_that_failed_is_removed_too(name):
    create(name, BROKEN, EnableTerminationProtection=True)

    assert recover(name, name)["changed"]
    assert lifecycle.find(name) is None


def test_a_deletion_that_failed_is_finished_once_nothing_is_in_its_way(name):
    create(name, {"Bucket": bucket(name)})
    fill(name)
    client("cloudformation").delete_stack(StackName=name)
    assert settled(name).status == "DELETE_FAILED"

    with pytest.raises(StackError, match=r"DELETE_FAILED.*Bucket .*not empty"):
        recover(name)
    with pytest.raises(StackError, match="could not be deleted"):
        recover(name, name)
    empty(name)
    assert recover(name, name)["changed"]
    assert lifecycle.find(name) is None


def test_a_protected_database_that_is_in_the_way_is_let_go_by_consent(name):
    database = {
        "Type": "AWS::RDS::DBInstance",
        "Properties": {
            "DBInstanceIdentifier": name,
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "postgres",
            "MasterUsername": "ada",
            "MasterUserPassword": "lovelace1",
            "AllocatedStorage": "20",
            "DeletionProtection": True,
        },
    }
    create(name, {"Database": database})
    client("cloudformation").delete_stack(StackName=name)
    assert settled(name).status == "DELETE_FAILED"

    with pytest.raises(StackError, match=r"DELETE_FAILED.*Database .*Cannot delete protected DB Instance"):
        recover(name)
    assert recover(name, name)["changed"]
    assert lifecycle.find(name) is None
    instances = client("rds").describe_db_instances()["DBInstances"]
    assert name not in [one["DBInstanceIdentifier"] for one in instances]


def test_a_creation_of_which_something_stayed_is_explained_and_removed(name):
    resources = {"Bucket": bucket(name), "Handle": HANDLE, "Failing": failing_on_demand("Bucket")}
    client("cloudformation").create_stack(StackName=name, TemplateBody=template(**resources))
    fill_as_soon_as_it_is_there(name)
    fail(name)
    assert settled(name).status == "ROLLBACK_FAILED"

    with pytest.raises(StackError, match=r"ROLLBACK_FAILED.*The first failure: Failing"):
        recover(name)
    assert recover(name, name)["changed"]
    assert lifecycle.find(name) is None


def test_an_update_that_could_not_be_taken_back_is_once_nothing_is_in_its_way(name):
    rds = client("rds")
    made = {"DBParameterGroupName": name, "Description": "one"}

    def group(connections):
        properties = {**made, "Family": "postgres15", "Parameters": {"max_connections": connections}}
        return {"Type": "AWS::RDS::DBParameterGroup", "Properties": properties}

    create(name, {"Group": group("50")})
    resources = {"Group": group("60"), "Handle": HANDLE, "Failing": failing_on_demand("Group")}
    client("cloudformation").update_stack(StackName=name, TemplateBody=template(**resources))
    while not any(one.logical_id == "Failing" for one in events(lifecycle.find(name).id)):
        time.sleep(0.1)
    rds.delete_db_parameter_group(DBParameterGroupName=name)
    fail(name)
    assert settled(name).status == "UPDATE_ROLLBACK_FAILED"

    with pytest.raises(StackError, match=r"UPDATE_ROLLBACK_FAILED.*Failing"):
        recover(name)
    with pytest.raises(StackError, match=r"UPDATE_ROLLBACK_FAILED"):
        recover(name, name)
    rds.create_db_parameter_group(**made, DBParameterGroupFamily="postgres15")
    assert recover(name, name)["changed"]
    assert lifecycle.find(name).status == "UPDATE_ROLLBACK_COMPLETE"


def test_a_stack_that_aws_is_at_work_on_is_waited_for(name):
    resources = {**BROKEN, "Failing": failing_on_demand("Topic")}
    client("cloudformation").create_stack(
        StackName=name, TemplateBody=template(**resources), OnFailure="DELETE"
    )

    assert recover(name, check=True)["status"] == "CREATE_IN_PROGRESS"
    later = threading.Timer(1, fail, [name])
    later.start()
    assert recover(name)["status"] == ""
    later.join()
    assert lifecycle.find(name) is None


def test_an_update_that_failed_and_stayed_is_taken_back(name):
    create(name, {"Topic": TOPIC})
    client("cloudformation").update_stack(
        StackName=name, TemplateBody=template(**BROKEN), DisableRollback=True
    )
    assert settled(name).status == "UPDATE_FAILED"

    with pytest.raises(StackError, match=r"UPDATE_FAILED.*was not taken back.*Failing"):
        recover(name)
    assert recover(name, name)["recovered"] == "let AWS take the update back, and go on"
    assert lifecycle.find(name).status == "UPDATE_ROLLBACK_COMPLETE"


def test_why_a_creation_that_was_removed_at_once_had_failed(name):
    client("cloudformation").create_stack(StackName=name, TemplateBody=template(**BROKEN), OnFailure="DELETE")
    settled(name)
    assert lifecycle.find(name) is None

    error = explain(name, "Unknown error")

    assert "its creation failed, and what was built of it was removed" in error.what
    assert "The first failure: Failing (AWS::CloudFormation::WaitCondition)" in error.what
    assert error.remedy == "Correct that, and run the same command again."


def test_why_an_update_that_was_taken_back_had_failed(name):
    create(name, {"Topic": TOPIC})
    client("cloudformation").update_stack(StackName=name, TemplateBody=template(**BROKEN))
    assert settled(name).status == "UPDATE_ROLLBACK_COMPLETE"

    assert "an update of it failed, and was taken back. The first failure: Failing" in explain(name).what


@pytest.mark.parametrize("operation", ["DescribeStackEvents", "CreateStack"])
def test_a_denial_of_few_words_is_explained_whatever_the_stack_is_like(name, operation):
    create(name, {"Topic": TOPIC})
    said = f"An error occurred (AccessDenied) when calling the {operation} operation: Access Denied"
    error = explain(name, said)

    assert error.what == said
    assert f'"Action": "cloudformation:{operation}"' in error.remedy


def test_why_a_call_was_refused_is_what_it_was_answered(name):
    said = (
        "Failed to create stack: An error occurred (AccessDenied) when calling the CreateStack operation: "
        "User: ada is not authorized to perform: cloudformation:CreateStack on resource: "
        "arn:aws:cloudformation:x:1:stack/y/*"
    )
    error = explain(name, said)

    assert error.what == said
    assert '"Action": "cloudformation:CreateStack"' in error.remedy
