"""The modules of the stack's beginning and end, as Ansible runs them: check, real, repeat, refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.aws import client
from engines.stack import lifecycle
from tests.library import modules

LIBRARY = Path(__file__).parents[2] / "library"
TAGS = {"Project": "modules", "Environment": "test"}
ADOPT = {"stack_name": "modules", "buckets": {"RawBucket": "modules-raw"}, "tags": TAGS}
TEARDOWN = {
    "name": "modules",
    "stack_name": "modules",
    "database": "modules-postgres",
    "parameter_path": "/modules/test",
    "buckets": ["modules-raw"],
    "tags": TAGS,
}


def _run(module, options, *, check=False):
    return modules.call(module, options, check=check)[0]


@pytest.fixture(scope="module")
def bucket(aws):
    """A bucket that an earlier stack might have left."""
    client("s3").create_bucket(Bucket="modules-raw")
    _tag(TAGS)


def _tag(tags):
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    client("s3").put_bucket_tagging(Bucket="modules-raw", Tagging={"TagSet": tag_set})


def test_a_bucket_of_somebody_else_is_refused_in_one_sentence(bucket):
    _tag({"Project": "payroll"})
    answer = _run("stack_adopt", ADOPT)
    _tag(TAGS)

    assert answer["failed"]
    assert answer["subject"] == "bucket modules-raw"
    assert "platform_buckets" in answer["msg"]
    assert "Traceback" not in json.dumps(answer)


def test_a_stack_begins_with_its_bucket_and_ends_without_it(bucket):
    planned = _run("stack_adopt", ADOPT, check=True)
    nothing = lifecycle.find("modules")
    done, again = _run("stack_adopt", ADOPT), _run("stack_adopt", ADOPT)

    assert nothing is None
    assert planned["adopted"] == done["adopted"] == ["modules-raw"]
    assert (planned["changed"], done["changed"], again["changed"]) == (True, True, False)

    planned = _run("teardown", TEARDOWN, check=True)
    something = lifecycle.find("modules")
    done, again = _run("teardown", TEARDOWN), _run("teardown", TEARDOWN)

    assert something is not None
    assert lifecycle.find("modules") is None
    assert planned["actions"] == done["actions"]
    assert [action["step"] for action in done["actions"]] == ["stack"]
    assert (planned["changed"], done["changed"], again["changed"]) == (True, True, False)
    assert again["things"] == [{"kind": "bucket", "name": "modules-raw", "kept": "data"}]


def test_a_stack_that_is_stuck_is_explained_and_by_consent_repaired(aws):
    name = "modules-stuck"
    failing = {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Failing": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
        },
    }
    client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": failing}), OnFailure="DO_NOTHING"
    )
    lifecycle.settle(lifecycle.find(name), 60)

    planned = _run("stack_recover", {"stack_name": name}, check=True)
    refused = _run("stack_recover", {"stack_name": name})
    why = _run("stack_recover", {"stack_name": name, "explain": True})
    would = _run("stack_recover", {"stack_name": name, "consent": name}, check=True)
    done = _run("stack_recover", {"stack_name": name, "consent": name})
    again = _run("stack_recover", {"stack_name": name, "consent": name})

    assert (planned["changed"], planned["status"]) == (False, "CREATE_FAILED")
    assert "The first failure: Failing" in planned["condition"]
    assert refused["failed"]
    assert f"-e provision_recover_stack={name}" in refused["msg"]
    assert why["failed"]
    assert "Failing" in why["msg"]
    assert would["changed"]
    assert (done["changed"], done["recovered"][:6]) == (True, "delete")
    assert not again["changed"]
    assert lifecycle.find(name) is None
