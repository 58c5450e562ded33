"""What counts as late once users are served: all that the source has written since, and nothing of theirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.roles.plays import ROOT, play

PLAY = f"""
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: ["{ROOT}/roles/storage/vars/main.yml"]
  tasks:
    - ansible.builtin.debug:
        msg: "late: {{{{ _storage_late | map(attribute='line') | join('; ') }}}}."
"""


def listed(late: int, *keys: str) -> dict[str, Any]:
    """Return a bucket in which users have written, and the source has written ``late`` objects since."""
    counts = {"equal": 1, "differs": 1, "missing": 3, "extra": 4, "unverifiable": 5}
    return {"counts": counts, "late": {"count": late, "keys": list(keys)}}


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("found", "reported"),
    [
        (listed(0), "late: ."),
        (listed(1, "a"), "late: bucket raw: 1 late (a)."),
        (listed(3, "a", "b"), "late: bucket raw: 3 late (a, b, …)."),
    ],
)
def test_what_the_source_has_written_since_is_late(
    tmp_path: Path, found: dict[str, Any], reported: str
) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    done = play(tmp_path, {"__storage_listed": {"buckets": {"raw": found}}}, [], dict(os.environ))
    assert reported in done.unwrapped[0], done.output


@pytest.mark.usefixtures("servers")
def test_a_consent_that_is_a_text_is_refused_with_the_list_to_write(tmp_path: Path) -> None:
    tasks = f"{ROOT}/roles/storage/tasks/assert.yml"
    (tmp_path / "play.yml").write_text(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n"
        f"  tasks:\n    - ansible.builtin.include_tasks: {tasks}\n"
    )
    variables = {"storage_consent": "bmii-raw", "_storage_targets": ["bmii-raw"]}
    said, changed, failed = play(tmp_path, variables, [], dict(os.environ)).unwrapped
    assert (changed, failed) == (0, 1)
    assert "storage_consent is a text, bmii-raw, and a list is wanted" in said
