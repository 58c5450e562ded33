"""Two templates, compared; the account's own change sets say the same (tests/library/test_stack_plan.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines.stack.changes import compare
from engines.stack.template import Resource

ROOT = Path(__file__).parents[3]
BUCKET, QUEUE = "AWS::S3::Bucket", "AWS::Unheard::Of"


def _one(kind, attributes=None, **properties):
    return Resource(kind, properties, attributes or {})


def _only(before, after, **options):
    [change] = compare({"One": before}, {"One": after}, **options)
    return change


def test_nothing_changes_where_nothing_differs():
    assert compare({"One": _one(BUCKET, BucketName="a")}, {"One": _one(BUCKET, BucketName="a")}) == []


def test_what_is_new_is_added_and_what_is_gone_is_deleted():
    kept = {"DeletionPolicy": "Retain"}
    changes = compare({"Old": _one(BUCKET, kept)}, {"New": _one(BUCKET)})
    assert [(one.action, one.logical_id, one.left) for one in changes] == [
        ("add", "New", ""),
        ("delete", "Old", "kept"),
    ]


def test_a_property_that_can_be_changed_is_changed():
    change = _only(_one("AWS::Logs::LogGroup", RetentionInDays="30"), _one("AWS::Logs::LogGroup"))
    assert (change.action, change.properties, change.doubtful) == ("change", ("RetentionInDays",), False)


def test_a_property_that_cannot_replaces_and_endangers_data():
    before = _one(BUCKET, {"UpdateReplacePolicy": "Snapshot"}, BucketName="a")
    change = _only(before, _one(BUCKET, {"UpdateReplacePolicy": "Snapshot"}, BucketName="b"))
    assert (change.action, change.endangers_data, change.left) == ("replace", True, "a snapshot is kept")


def test_another_type_replaces():
    assert _only(_one("AWS::EC2::EIP"), _one("AWS::EC2::VPC")).action == "replace"


def test_what_aws_decides_while_it_works_is_doubtful():
    kind = "AWS::RDS::DBInstance"
    change = _only(_one(kind, Engine="postgres"), _one(kind, Engine="mysql"))
    assert (change.action, change.doubtful, change.endangers_data) == ("change", True, False)


def test_of_an_unheard_of_type_everything_is_doubtful():
    assert _only(_one(QUEUE, A="1"), _one(QUEUE, A="2")).doubtful


def test_what_refers_to_something_replaced_changes_with_it():
    subnet = _one("AWS::EC2::Subnet", VpcId={"Ref": "Net"})
    group = _one("AWS::RDS::DBSubnetGroup", SubnetIds=[{"Ref": "Sub"}])
    before = {"Net": _one("AWS::EC2::VPC", CidrBlock="10.0.0.0/16"), "Sub": subnet, "Group": group}
    changes = compare(before, {**before, "Net": _one("AWS::EC2::VPC", CidrBlock="10.1.0.0/16")})
    assert [(one.logical_id, one.action) for one in changes] == [
        ("Group", "change"),
        ("Net", "replace"),
        ("Sub", "replace"),
    ]


@pytest.mark.parametrize(("kind", "count"), [(BUCKET, 1), ("AWS::EC2::Route", 0)])
def test_the_stack_s_tags_reach_what_bears_tags(kind, count):
    assert len(compare({"One": _one(kind)}, {"One": _one(kind)}, retagged=True)) == count


def test_a_policy_that_changes_is_a_change():
    change = _only(_one(BUCKET, {"DeletionPolicy": "Retain"}), _one(BUCKET, {"DeletionPolicy": "Delete"}))
    assert (change.action, change.properties) == ("change", ("DeletionPolicy",))


def test_the_table_of_replacements_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts/replacements", "--check"], check=False)
    assert done.returncode == 0, "run scripts/replacements"
