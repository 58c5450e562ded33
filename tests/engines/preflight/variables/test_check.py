"""Each described variable has values that are refused by its name, whoever adds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.preflight.variables.check import Configuration, find
from engines.preflight.variables.description import Description, described

ROLES = Path(__file__).parents[4] / "roles"
VARIABLES = described(ROLES)


def named(name: str, value: Any) -> list[str]:
    """Return the variables that are named as wrong when only this one is set."""
    findings, _ = find(VARIABLES, Configuration({name: value}))
    assert all(one.remedy for one in findings)
    return [one.variable.partition(".")[0] for one in findings]


def of_another_type(one: Description) -> Any:
    """Return a value that the variable's type has not; texts take nearly everything."""
    return {
        "dict": "a text",
        "list": {"a": "mapping"},
        "bool": "perhaps",
        "int": "many",
        "float": "much",
    }.get(one.option["type"], {"a": "mapping"})


@pytest.mark.parametrize("name", VARIABLES)
def test_each_variable_refuses_null_and_another_type(name: str) -> None:
    assert named(name, None) == [name]
    assert set(named(name, of_another_type(VARIABLES[name]))) == {name}


@pytest.mark.parametrize("name", [name for name, one in VARIABLES.items() if "from" in (one.check or {})])
def test_each_number_has_bounds(name: str) -> None:
    check = VARIABLES[name].check or {}
    assert named(name, check["from"] - 1) == [name]
    assert named(name, check["to"] + 1) == [name]


@pytest.mark.parametrize("name", [name for name, one in VARIABLES.items() if "form" in (one.check or {})])
def test_each_text_of_a_form_refuses_what_is_none(name: str) -> None:
    assert named(name, "\x00 no\nsuch thing ! ") == [name]
