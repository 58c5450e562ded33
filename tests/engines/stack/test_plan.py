"""A stack as it stands against the one that is wanted: finished, half made, stuck."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.stack.model import Deployed
from engines.stack.plan import Wanted, make
from engines.stack.results import as_result

TEMPLATE = {
    "Parameters": {"Days": {"Type": "Number", "Default": 30}},
    "Resources": {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}},
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"DBInstanceClass": "db.t4g.medium", "MasterUserPassword": "{{resolve:x}}"},
        },
    },
    "Outputs": {"Name": {"Value": {"Ref": "Logs"}}},
}
WANTED = Wanted("bmii", "us-east-1", TEMPLATE)
STANDS = Deployed(
    "CREATE_COMPLETE", TEMPLATE, {"Days": "30"}, {}, {"Name": "logs"},
    resources={"Logs": "CREATE_COMPLETE", "Database": "CREATE_COMPLETE"},
)  # fmt: skip


def _result(deployed=STANDS, **wanted):
    return as_result(make(replace(WANTED, **wanted), deployed))


def test_no_stack_is_built_whole():
    result = _result(None)
    assert (result["exists"], result["differs"], result["counts"]["add"]) == (False, True, 2)
    assert result["resources"] == ["Database", "Logs"]


def test_what_is_as_wanted_does_not_differ():
    result = _result()
    assert (result["differs"], result["changes"], result["settings"], result["note"]) == (False, [], [], "")
    assert result["outputs"] == {"Name": "logs"}


def test_a_stack_that_aws_works_on_lacks_what_is_not_finished():
    half = replace(STANDS, status="CREATE_IN_PROGRESS", resources={"Logs": "CREATE_COMPLETE"})
    result = _result(half)
    assert [(one["logical_id"], one["action"]) for one in result["changes"]] == [("Database", "add")]
    assert "still at work" in result["note"]
    assert result["differs"]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("ROLLBACK_COMPLETE", "delete what is left of it and create it again"),
        ("UPDATE_ROLLBACK_FAILED", "let AWS take the update back, and go on"),
    ],
)
def test_a_stack_that_is_stuck_is_reported(status, remedy):
    result = _result(replace(STANDS, status=status))
    assert status in result["note"]
    assert remedy in result["note"]
    assert "-e provision_recover_stack=" in result["note"]
    assert result["differs"]


def test_a_change_set_that_was_never_executed_is_no_stack_yet():
    result = _result(replace(STANDS, status="REVIEW_IN_PROGRESS", resources={}))
    assert result["note"].endswith("a run begins it anew")
    assert (result["differs"], result["counts"]["add"]) == (True, 2)


def test_a_kept_tag_has_the_value_that_the_stack_gave_it():
    wanted = {"tags": {"Project": "bmii", "RunId": "two"}, "kept_tags": frozenset({"RunId"})}
    begun = replace(STANDS, tags={"Project": "bmii", "RunId": "one"})
    result = _result(begun, **wanted)
    assert (result["differs"], result["tags"]) == (False, {"Project": "bmii", "RunId": "one"})
    assert _result(begun, **{**wanted, "tags": {"Project": "bmii"}})["differs"] is False
    assert _result(None, **wanted)["tags"]["RunId"] == "two"
    assert _result(begun, **{**wanted, "kept_tags": frozenset()})["settings"] == ["tags"]


@pytest.mark.parametrize(
    ("wanted", "setting"),
    [
        ({"parameters": {"Days": 60}}, "parameters: Days"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"termination_protection": True}, "termination protection: on"),
        ({"template": {**TEMPLATE, "Outputs": {}}}, "outputs"),
        (
            {"template": {**TEMPLATE, "Description": "x"}},
            "the template's text, without an effect on resources",
        ),
    ],
)
def test_what_is_of_no_resource_is_a_setting(wanted, setting):
    result = _result(**wanted)
    assert setting in result["settings"]
    assert result["differs"]
    assert f"~ {setting}" in result["diff"]["after"]


def test_a_parameter_reaches_its_resource():
    [change] = _result(parameters={"Days": 60})["changes"]
    assert (change["logical_id"], change["properties"]) == ("Logs", ["RetentionInDays"])
