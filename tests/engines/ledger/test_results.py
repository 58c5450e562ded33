"""What is said of phases and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engines.ledger.model import State
from engines.ledger.results import summary
from engines.runs import Owner

NOW = "2026-01-01T00:00:00Z"
DEAD = replace(Owner.of_this_run(), started=1)


def run(outcome: str, owner: Owner, **phases: str) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "outcome": outcome,
        "started": NOW,
        "ended": "",
        "inputs": "ab",
        "owner": owner.to_dict(),
        "phases": {name: {"outcome": one} for name, one in phases.items()},
    }


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (run("running", DEAD, database="succeeded"), "succeeded"),
        (run("running", DEAD, database="failed"), "failed"),
        (run("running", DEAD, database="succeeded", storage="running"), "cut off"),
        (run("running", Owner.of_this_run(), database="succeeded"), "running"),
        (run("succeeded", DEAD, database="succeeded"), "succeeded"),
    ],
)
def test_how_a_run_has_ended(found: dict[str, Any], word: str) -> None:
    """A run of one phase, by its tag, records no end: its process is gone and its phase has succeeded."""
    lines = summary(State(), {"held": False}, [found])
    assert f"last run: run-1, {word}" in lines
    assert lines[-1].split("  ")[1] == word


def test_a_phase_shows_where_it_is() -> None:
    state = State().started("database", "run-1", NOW)
    rows = {line.split()[0]: line for line in summary(state, {"held": False}, []) if line}
    assert rows["database"].split()[1:3] == ["running", NOW]
    assert rows["storage"].split()[1] == "planned"
    done = state.ended("database", "succeeded", NOW, {"evidence": {}})
    (row,) = [line for line in summary(done, {"held": False}, []) if line.startswith("database")]
    assert row.split()[1:] == ["succeeded", "-", NOW, "run-1", "-", "run-1"]
