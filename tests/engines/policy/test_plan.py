"""The rules by themselves, and the policy that they have made of the record and of the template's types."""

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from engines.errors import ConfigurationError
from engines.policy import model, plan
from engines.policy.plan import LeftOut, Rule, Rules
from rehearsal.operator_jobs import JOBS

ROOT = Path(__file__).parents[3]
# The longest names that an inventory may have: what is filled in counts against the limit.
LONGEST = {
    "Name": "n" * 32,
    "Environment": "e" * 32,
    "Account": "123456789012",
    "Region": "ap-southeast-1",
    "Partition": "aws-us-gov",
}
MOST_POLICIES = 10  # that IAM attaches to one role or user


def rules(**parts):
    empty = {
        "recorded": [],
        "besides": [],
        "handlers": [],
        "left_out": [],
        "done_without": [],
        "always_allowed": frozenset(),
    }
    return Rules(**{**empty, **parts})


@pytest.fixture(scope="module")
def record():
    return json.loads(plan.RECORDED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def policy():
    return json.loads((ROOT / "docs/reference/operator-policy.json").read_text(encoding="utf-8"))


def test_an_action_goes_into_the_first_statement_that_takes_it():
    given = rules(
        recorded=[
            Rule("First", ["one"], match=["s3:Get*"], but=["s3:GetAcl"]),
            Rule("Second", ["two"], match=["s3:*"], condition={"Bool": {"a": "b"}}),
        ]
    )
    made = plan.compose(given, ["s3:GetAcl", "s3:GetObject", "s3:PutObject"], []).policy["Statement"]
    assert [(one["Sid"], one["Action"]) for one in made] == [
        ("First", ["s3:GetObject"]),
        ("Second", ["s3:GetAcl", "s3:PutObject"]),
    ]
    assert made[1]["Condition"] == {"Bool": {"a": "b"}}


@pytest.mark.parametrize("source", ["recorded", "handlers"])
def test_an_action_that_no_rule_takes_is_named(source):
    given = {"recorded": [], "handlers": [], source: ["new:Action"]}
    with pytest.raises(ConfigurationError, match="new:Action"):
        plan.compose(rules(), **given)


def test_what_aws_asks_besides_comes_with_the_call_that_brings_it():
    given = rules(
        recorded=[Rule("All", ["r"], match=["*"])],
        besides=[Rule("Also", ["r"], actions=["iam:PassRole"], because=["ecs:RunTask"])],
    )
    assert [one["Sid"] for one in plan.compose(given, ["ecs:RunTask"], []).policy["Statement"]] == [
        "All",
        "Also",
    ]
    assert [one["Sid"] for one in plan.compose(given, ["ecs:StopTask"], []).policy["Statement"]] == ["All"]


def test_what_is_left_out_or_allowed_everywhere_is_not_allowed_again():
    given = rules(
        recorded=[Rule("Reads", ["*"], match=["ec2:Describe*"], why="they have no resource")],
        handlers=[Rule("Stack", ["r"], match=["*"])],
        left_out=[LeftOut(["kms:*"], "no keys", keep=["kms:DescribeKey"])],
    )
    composed = plan.compose(given, ["ec2:DescribeVpcs"], ["ec2:DescribeVpcs", "kms:Sign", "kms:DescribeKey"])
    assert [one["Action"] for one in composed.policy["Statement"]] == [
        ["ec2:DescribeVpcs"],
        ["kms:DescribeKey"],
    ]
    assert composed.left_out == [("no keys", ["kms:Sign"])]


def test_everything_on_every_resource_without_a_reason_is_found():
    made = model.document(
        [
            {"Sid": "Said", "Action": ["a"], "Resource": ["*"]},
            {"Sid": "Unsaid", "Action": ["a"], "Resource": ["arn:x", "*"]},
            {"Sid": "Narrow", "Action": ["a"], "Resource": ["arn:x/*"]},
        ]
    )
    assert plan.unexplained(made, {"Said": "because"}) == ["Unsaid"]


def test_the_policy_is_that_of_the_template_and_the_record():
    done = subprocess.run([sys.executable, ROOT / "scripts/policy", "--check"], check=False)
    assert done.returncode == 0, "run `make policy`"


def test_the_record_is_of_the_jobs_that_there_are(record):
    assert list(record["jobs"]) == [job.name for job in JOBS], "run `make record-policy`"


def test_nothing_is_allowed_on_every_resource_without_a_reason_beside_it(policy):
    whys = (ROOT / "docs/reference/operator-policy.md").read_text(encoding="utf-8").partition("## Why")[2]
    everywhere = [one for one in policy["Statement"] if "*" in model.resources(one)]
    assert len(everywhere) > 2
    assert [one["Sid"] for one in everywhere if f"- `{one['Sid']}`: " not in whys] == []


def test_no_action_is_a_pattern(policy):
    assert [
        each for one in policy["Statement"] for each in model.actions(one) if "*" in each or "?" in each
    ] == []


def test_every_recorded_call_is_allowed_on_its_resource(record, policy):
    given = plan.read()
    filled = {"Name": "bmii", "Environment": "local", "Account": "${Account}", "Region": "${Region}"}
    held = model.fill(policy, {**filled, "Partition": "${Partition}"})["Statement"]
    for action, named in record["resources"].items():
        if action in given.always_allowed or any(one.takes(action) for one in given.done_without):
            continue
        allowed = [each for one in held if action in one["Action"] for each in one["Resource"]]
        assert allowed, action
        for resource in named:
            assert resource == "*" or any(fnmatchcase(resource, each) for each in allowed), (action, resource)


def test_iam_takes_it(policy):
    pieces = model.split(model.fill(policy, LONGEST))
    assert len(pieces) <= MOST_POLICIES
    assert max(model.size(piece) for piece in pieces) <= 6144
    sids = [one["Sid"] for piece in pieces for one in piece["Statement"]]
    assert len(sids) == len(set(sids)) == len(policy["Statement"])
    assert all(sid.isalnum() for sid in sids)


def test_the_policy_is_filled_in_for_an_account(tmp_path):
    values = ["Name=bmii", "Environment=production", "Account=123456789012", "Region=eu-central-1"]
    command = [sys.executable, ROOT / "scripts/policy", "--fill", *values, "--into", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    files = sorted(tmp_path.iterdir())
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert files[0].name == "operator-1.json"
    assert all(len(text.strip()) <= 6144 and json.loads(text)["Statement"] for text in texts)
    assert "arn:aws:ssm:eu-central-1:123456789012:parameter/bmii/production/*" in "".join(texts)
    assert "${" not in "".join(texts)


def test_a_value_that_is_missing_is_named(tmp_path):
    command = [sys.executable, ROOT / "scripts/policy", "--fill", "Name=bmii", "--into", tmp_path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Account, Environment, Region" in done.stderr
    assert "Traceback" not in done.stderr
