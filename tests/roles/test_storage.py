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
KINDS = ("equal", "differs", "missing", "extra", "unverifiable")
BY_THE_SOURCE = "was written in the source since it was proven"
BY_USERS = "was written on the target since it was proven"


def listed(**found: str) -> dict[str, Any]:
    """Return a bucket with one object of each kind that is named, with its reason."""
    examples = {
        kind: [{"key": f"a-{kind}", "reason": found[kind]}] if kind in found else [] for kind in KINDS
    }
    return {"counts": {kind: len(each) for kind, each in examples.items()}, **examples}


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("found", "told"),
    [
        (listed(extra="is only on the target", unverifiable=BY_USERS, differs="size"), "late: ."),
        (listed(missing="is not on the target"), "late: bucket raw: 1 missing (a-missing)."),
        (listed(unverifiable=BY_THE_SOURCE), "late: bucket raw: 1 unverifiable (a-unverifiable)."),
        (listed(differs=BY_THE_SOURCE), "late: bucket raw: 1 differs (a-differs)."),
    ],
)
def test_what_the_source_has_written_since_is_late(tmp_path: Path, found: dict[str, Any], told: str) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    done = play(tmp_path, {"__storage_listed": {"buckets": {"raw": found}}}, [], dict(os.environ))
    assert told in done.told[0], done.output
