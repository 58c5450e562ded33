"""The module as Ansible runs it: check, real, repeat, change; a secret is nowhere to be seen."""

from __future__ import annotations

import pytest

from engines.aws import client
from tests.library import modules

PATH = "/module-test/secrets"
CANARY = "canary-5f2c"


def _run(**options):
    """Run the module with what Ansible would hand it; return its answer and all it printed."""
    check = options.pop("check", False)
    return modules.call("ssm_secrets", {"path": PATH, **options}, check=check)


@pytest.fixture(scope="module")
def beats(aws):
    """Four beats of the same request, and one with another value."""
    wanted = [
        {"name": "password", "value": CANARY},
        {"name": "key", "generate": {}},
        {"name": "url", "compose": "pg://u:{password|url}@h/db"},
    ]
    other = [{"name": "password", "value": f"{CANARY}-2"}, *wanted[1:]]
    return {
        "check": _run(parameters=wanted, check=True),
        "real": _run(parameters=wanted),
        "repeat": _run(parameters=wanted),
        "check_again": _run(parameters=wanted, check=True),
        "change": _run(parameters=other),
    }


def test_check_says_what_the_run_does(beats):
    check, real = beats["check"][0], beats["real"][0]

    assert check["changed"]
    assert real["changed"]
    assert check["diff"] == real["diff"]
    assert [one["action"] for one in check["parameters"]] == [one["action"] for one in real["parameters"]]


@pytest.mark.parametrize("beat", ["repeat", "check_again"])
def test_a_second_run_changes_nothing(beats, beat):
    assert not beats[beat][0]["changed"]


def test_a_changed_value_changes_what_depends_on_it(beats):
    assert [one["action"] for one in beats["change"][0]["parameters"]] == ["updated", "unchanged", "updated"]


def test_the_generated_secret_has_the_default_length(beats):
    stored = client("ssm").get_parameter(Name=f"{PATH}/key", WithDecryption=True)["Parameter"]

    assert (len(stored["Value"]), stored["Type"]) == (40, "SecureString")


def test_a_secret_is_nowhere_in_the_output(beats):
    key = client("ssm").get_parameter(Name=f"{PATH}/key", WithDecryption=True)["Parameter"]["Value"]

    for _, printed in beats.values():
        assert CANARY not in printed
        assert key not in printed


def test_a_failure_is_a_message_without_the_secret(beats):
    answer, printed = _run(parameters=[{"name": "x", "value": CANARY, "compose": "y"}])

    assert answer["failed"]
    assert answer["msg"] == (
        f"parameter {PATH}/x: has more than one of value, generate and compose. Keep one."
    )
    assert answer["remedy"] == "Keep one."
    assert CANARY not in printed
