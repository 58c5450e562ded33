"""Buckets that an earlier stack has left: imported with their content, if they are the platform's."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from engines.aws import client
from engines.errors import RefusedError
from engines.stack import lifecycle
from engines.stack import resource_import as engine
from engines.stack.model import Existing
from engines.stack.resource_import import adopt, template

TAGS = {"Project": "adopting", "Environment": "test"}
BUCKETS = {"RawBucket": "adopting-raw", "FeaturesBucket": "adopting-features"}
STACK = "adopting"
UNCHANGED = {"changed": False, "adopted": [], "adopted_log_groups": []}


def _whole():
    """A template with both buckets, versioned, and a topic."""
    resources = {
        name: {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {"BucketName": bucket, "VersioningConfiguration": {"Status": "Enabled"}},
        }
        for name, bucket in BUCKETS.items()
    }
    return json.dumps({"Resources": {**resources, "Topic": {"Type": "AWS::SNS::Topic"}}})


def _apply(verb):
    cloudformation = client("cloudformation")
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, "RunId": "one"}.items()]
    getattr(cloudformation, f"{verb}_stack")(StackName=STACK, TemplateBody=_whole(), Tags=tags)
    return lifecycle.settle(lifecycle.find(STACK), 60)


@pytest.fixture
def account(aws):
    """The emulated account, with neither stack nor buckets before and after."""
    _empty()
    yield
    _empty()


def _empty():
    s3 = client("s3")
    if found := lifecycle.find(STACK):
        lifecycle.delete(found, 60)
    for name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        if name in BUCKETS.values():
            for version in s3.list_object_versions(Bucket=name).get("Versions", []):
                s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
            s3.delete_bucket(Bucket=name)


@pytest.fixture
def kept(account):
    """Both buckets, with an object, as a stack has left them."""
    assert _apply("create").status == "CREATE_COMPLETE"
    client("s3").put_object(Bucket="adopting-raw", Key="kept", Body=b"rows")
    lifecycle.delete(lifecycle.find(STACK), 60)


def test_an_import_names_buckets_and_nothing_else_about_them():
    [resource] = template([Existing("RawBucket", "adopting-raw")])["Resources"].values()

    assert resource["Properties"] == {"BucketName": "adopting-raw"}
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_an_empty_account_has_nothing_to_take_in(account):
    assert adopt(STACK, BUCKETS, tags=TAGS) == UNCHANGED
    assert lifecycle.find(STACK) is None


def test_without_an_import_the_stack_is_refused(kept):
    assert _apply("create").status == "ROLLBACK_COMPLETE"


def test_kept_buckets_are_taken_in_with_their_objects_and_brought_up_to_date(kept):
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket="adopting-features", VersioningConfiguration={"Status": "Suspended"})

    planned = adopt(STACK, BUCKETS, tags=TAGS, check=True)
    assert lifecycle.find(STACK) is None
    done = adopt(STACK, BUCKETS, tags=TAGS)
    updated = _apply("update")

    assert planned == done == {"changed": True, "adopted": list(BUCKETS.values()), "adopted_log_groups": []}
    assert updated.status == "UPDATE_COMPLETE"
    assert s3.get_object(Bucket="adopting-raw", Key="kept")["Body"].read() == b"rows"
    assert s3.get_bucket_versioning(Bucket="adopting-features")["Status"] == "Enabled"
    assert adopt(STACK, BUCKETS, tags=TAGS) == UNCHANGED


def test_a_part_of_the_buckets_may_be_left(kept):
    client("s3").delete_bucket(Bucket="adopting-features")

    assert adopt(STACK, BUCKETS, tags=TAGS)["adopted"] == ["adopting-raw"]
    assert _apply("update").status == "UPDATE_COMPLETE"
    client("s3").head_bucket(Bucket="adopting-features")


def test_a_run_that_was_killed_before_the_import_is_finished(kept):
    client("cloudformation").create_change_set(
        StackName=STACK,
        ChangeSetName=engine.CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template([Existing("RawBucket", "adopting-raw")])),
        ResourcesToImport=[engine._identified(Existing("RawBucket", "adopting-raw"))],
    )
    assert lifecycle.find(STACK).status == "REVIEW_IN_PROGRESS"

    assert adopt(STACK, BUCKETS, tags=TAGS)["adopted"] == list(BUCKETS.values())
    assert lifecycle.find(STACK).status == "IMPORT_COMPLETE"


def test_a_bucket_of_somebody_else_in_the_account_is_refused_by_name(kept):
    client("s3").put_bucket_tagging(
        Bucket="adopting-features", Tagging={"TagSet": [{"Key": "Project", "Value": "payroll"}]}
    )

    with pytest.raises(RefusedError, match="does not carry the tag Project=adopting") as caught:
        adopt(STACK, BUCKETS, tags=TAGS)

    assert caught.value.subject == "bucket adopting-features"
    assert "platform_buckets" in caught.value.remedy
    assert lifecycle.find(STACK) is None


@pytest.mark.parametrize(
    ("code", "said"), [("403", "is not account 000000000000's"), ("301", "exists in another region")]
)
def test_a_bucket_of_another_account_or_region_is_refused_by_name(kept, monkeypatch, code, said):
    # The emulator holds one account in one region at a time, so S3's answer is put in by hand.
    answer = ClientError({"Error": {"Code": code, "Message": "no"}}, "HeadBucket")

    class S3:
        def head_bucket(self, *, Bucket, ExpectedBucketOwner):  # noqa: N803 - botocore's names
            assert ExpectedBucketOwner == "000000000000"
            raise answer

    monkeypatch.setattr(engine, "client", lambda name: S3() if name == "s3" else client(name))

    with pytest.raises(RefusedError, match=said) as caught:
        adopt(STACK, BUCKETS, tags=TAGS)

    assert caught.value.subject == "bucket adopting-raw"


def test_a_log_group_that_was_written_to_late_becomes_part_of_the_next_stack(account):
    logs = client("logs")
    logs.create_log_group(logGroupName="/adopting/late")
    logs.create_log_stream(logGroupName="/adopting/late", logStreamName="one")
    groups = {"Late": "/adopting/late", "Absent": "/adopting/absent"}

    planned = adopt(STACK, {}, tags=TAGS, log_groups=groups, check=True)
    done = adopt(STACK, {}, tags=TAGS, log_groups=groups)

    assert planned == done == {"changed": True, "adopted": [], "adopted_log_groups": ["/adopting/late"]}
    resources = {
        name: {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": group, "RetentionInDays": 7}}
        for name, group in groups.items()
    }
    client("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": resources}))
    assert lifecycle.settle(lifecycle.find(STACK), 60).status == "UPDATE_COMPLETE"
    [late] = logs.describe_log_groups(logGroupNamePrefix="/adopting/late")["logGroups"]
    assert late["retentionInDays"] == 7
    streams = logs.describe_log_streams(logGroupName="/adopting/late")["logStreams"]
    assert [one["logStreamName"] for one in streams] == ["one"]
    assert adopt(STACK, {}, tags=TAGS, log_groups=groups) == UNCHANGED
