"""Everything that an operator does, in an order in which each job finds what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CONSENT = "teardown_consent=local"


@dataclass(frozen=True)
class Job:
    """One command. ``fails`` says that it has to, and ``shows`` what it has to say."""

    name: str
    playbook: str
    options: tuple[str, ...] = ()
    fails: bool = False
    shows: str = ""

    def is_as_expected(self, outcome: Outcome) -> bool:
        """Return whether it went as it does when everything is allowed."""
        return (outcome.code != 0) == self.fails and re.search(self.shows, outcome.output) is not None


@dataclass(frozen=True)
class Outcome:
    """How a command ended, after how many seconds."""

    code: int
    output: str
    seconds: float


# As in production: what has to be taken off before a teardown.
_PROTECTED = {
    "provision_termination_protection": True,
    "provision_database": {
        "name": "{{ platform_database_name }}",
        "user": "{{ platform_database_user }}",
        "application_user": "{{ platform_database_application }}",
        "instance_identifier": "{{ platform_database_instance }}",
        "deletion_protection": True,
    },
}
_LATER = {**_PROTECTED, "provision_log_retention_days": 60}
_BROKEN = {"deploy_environment": {"APP_ENV": "nonsense"}, "deploy_timeout": 60, "deploy_trial_seconds": 0}
_GONE = ("-e", _CONSENT)


def _with(values: Mapping[str, Any]) -> tuple[str, str]:
    return "-e", json.dumps(values)


JOBS = (
    Job("plan of an empty account", "migrate", ("--check", "--diff")),
    Job("provision", "provision", _with(_PROTECTED)),
    Job("plan with a change set", "provision", ("--check", *_with({**_LATER, "provision_change_set": True}))),
    Job("change the stack", "provision", _with(_LATER)),
    Job("database", "database"),
    Job("storage", "storage"),
    Job("container", "container"),
    Job("container again", "container"),
    Job("deploy", "deploy"),
    Job("deploy a change", "deploy", ("-e", "platform_memory=4096")),
    Job("deploy what fails", "deploy", _with(_BROKEN), fails=True, shows=r"APP_ENV"),
    Job("roll the service back", "rollback"),
    Job(
        "roll the stack back",
        "rollback",
        ("-e", "rollback_of=infrastructure", "-e", "rollback_consent=local"),
    ),
    Job("drift", "drift"),
    Job("verify", "verify", shows=r"(?s)(none\s+otherwise.*){4}"),
    Job("status", "status"),
    Job("teardown that keeps the data", "teardown", _GONE),
    Job("provision over kept buckets", "provision", _with(_PROTECTED)),
    Job(
        "teardown of everything",
        "teardown",
        (*_GONE, "-e", "teardown_data=delete", "-e", "teardown_data_consent=local"),
    ),
)
