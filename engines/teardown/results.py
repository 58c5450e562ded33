"""What was taken down, and what is kept, as the return values of the module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engines.table import table
from engines.teardown.model import Action, Thing


def as_result(actions: Sequence[Action], things: Sequence[Thing]) -> dict[str, Any]:
    """Return what the module documents."""
    rows: list[tuple[str, str, str]] = [(action.step, action.subject, action.text) for action in actions]
    rows += [(thing.kind, thing.name, f"kept: {thing.kept}") for thing in things]
    return {
        "changed": bool(actions),
        "actions": [action.report() for action in actions],
        "things": [thing.report() for thing in things],
        "table": table(("WHAT", "NAME", "WHAT IS DONE"), rows),
    }
