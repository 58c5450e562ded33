"""Plays, blocks and tasks are named by what they do: each name begins with a verb from one short list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VERBS = {
    "Acquire",  # a lock
    "Apply",
    "Archive",
    "Assert",
    "Build",
    "Check",
    "Close",  # the source for writing
    "Compare",
    "Copy",
    "Create",
    "Deploy",
    "Find",
    "Import",
    "List",
    "Open",  # the source for writing
    "Point",  # a domain, at what serves it
    "Prompt",
    "Protect",
    "Provision",
    "Push",
    "Read",
    "Recover",
    "Record",  # evidence, in the ledger
    "Release",  # a lock
    "Remove",
    "Report",  # to the user
    "Restore",
    "Roll",  # back
    "Run",
    "Set",  # facts, such as the outputs of a phase
    "Start",
    "Stop",
    "Switch",
    "Tear",  # down
    "Update",
    "Upgrade",
    "Upload",
    "Verify",
    "Wait",
    "Write",
}
FILES = sorted(
    path
    for pattern in (
        "playbooks/*.yml",
        "roles/*/tasks/**/*.yml",
        "roles/*/handlers/*.yml",
        "molecule/**/*.yml",
    )
    for path in ROOT.glob(pattern)
    if path.name not in {"molecule.yml", "vars.yml"}
)


def _names(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        yield entry.get("name", "")
        for inner in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always", "handlers"):
            yield from _names(entry.get(inner) or [])


def test_there_are_files_to_read() -> None:
    assert len(FILES) > 80


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_begins_with_a_verb_of_the_list(path: Path) -> None:
    names = list(_names(yaml.safe_load(path.read_text(encoding="utf-8"))))

    assert [name for name in names if name.partition(" ")[0] not in VERBS] == []


def test_no_verb_is_on_the_list_for_nothing() -> None:
    used = {
        name.partition(" ")[0]
        for path in FILES
        for name in _names(yaml.safe_load(path.read_text(encoding="utf-8")))
    }

    assert used == VERBS
