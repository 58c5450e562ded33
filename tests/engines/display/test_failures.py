"""What Ansible says of an argument of the wrong kind is said in the shape of every other message."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from engines.display import Failure

SPEC: dict[str, dict[str, Any]] = {
    "jobs": {"type": "int"},
    "extra": {"type": "str", "choices": ["refuse", "keep"]},
    "names": {"type": "list", "elements": "dict"},
    "bucket": {"type": "str", "required": True},
}


def errors(**given: object) -> list[str]:
    return list(ArgumentSpecValidator(SPEC).validate(given).error_messages)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bucket": "b", "jobs": "canary"}, "jobs: is a text, not a whole number."),
        ({"bucket": "b", "jobs": ["canary"]}, "jobs: is a list, not a whole number."),
        ({"bucket": "b", "extra": "keeep"}, "extra: is none of refuse, keep. Did you mean keep?"),
        ({"bucket": "b", "extra": "canary"}, "extra: is none of refuse, keep."),
        ({"bucket": "b", "names": ["canary"]}, "names: an entry is a text, not a mapping."),
        ({}, "bucket: is not set."),
    ],
)
def test_words_of_the_installed_ansible_are_known(given: dict[str, object], said: str) -> None:
    """Of a role, and of a module."""
    found = errors(**given)
    role = {"failed": True, "msg": "Validation of arguments failed:\n…", "argument_errors": found}
    module = {"failed": True, "msg": found[0]}
    for result in (role, module):
        failure = Failure.of("storage", "Check the variables of the role", "", result)
        assert failure.what == said
        assert failure.refused
        assert "playbooks/preflight.yml" in failure.remedy


def test_other_failures_are_left_as_they_are() -> None:
    failure = Failure.of(
        "storage", "t", "", {"failed": True, "msg": "bucket b: is gone", "remedy": "Make it."}
    )
    assert (failure.what, failure.remedy, failure.refused) == ("bucket b: is gone", "Make it.", False)
