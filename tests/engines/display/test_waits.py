"""Usual durations are those of tasks that there are."""

from __future__ import annotations

from pathlib import Path

from engines.display.waits import _TYPICAL, typical

ROOT = Path(__file__).parents[3]


def test_each_is_of_a_task() -> None:
    tasks = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("roles/*/tasks/**/*.yml"))
    assert [name for name in _TYPICAL if f"- name: {name}" not in tasks] == []


def test_of_others_nothing_is_known() -> None:
    assert typical("Look") == ""
