"""What is shown of a wait: usual durations are those of tasks that there are, and silence has a name."""

from __future__ import annotations

from pathlib import Path

from engines.display import Phase, take_progress
from engines.display.waits import _TYPICAL, typical

ROOT = Path(__file__).parents[3]


def test_each_is_of_a_task() -> None:
    tasks = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("roles/*/tasks/**/*.yml"))
    assert [name for name in _TYPICAL if f"- name: {name}" not in tasks] == []


def test_of_others_nothing_is_known() -> None:
    assert typical("Look") == ""


def test_a_silent_server_is_shown_with_its_address_and_for_how_long() -> None:
    phase = Phase("database", "Database")
    silent = {"kind": "postgres.silent", "server": "me@old:5432/db", "seconds": 12, "limit": 120}
    take_progress(phase, silent)
    assert phase.detail == "me@old:5432/db has not answered for 12 s; given up after 2:00 min"
    take_progress(phase, {"kind": "postgres.answers", "server": "me@old:5432/db"})
    assert phase.detail == "me@old:5432/db answers again"
    take_progress(phase, {"kind": "objects.silent", "store": "the source", "seconds": 11})
    assert phase.detail == "the source has not answered for 11 s"
    take_progress(phase, {"kind": "aws.silent", "service": "ecs", "operation": "ListTasks", "seconds": 10})
    assert phase.detail == "AWS has not answered ecs ListTasks for 10 s"
