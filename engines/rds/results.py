"""What a rollback of the database has done and found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engines.rds.model import Action, Found, Plan


@dataclass
class Outcome:
    """What has been done, and found, so far."""

    plan: Plan
    actions: list[Action] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    comparison: dict[str, Any] = field(default_factory=dict)
    revisions: tuple[str, ...] = ()
    found: Found = field(default_factory=Found)

    def report(self) -> dict[str, Any]:
        """Return it as the module's return values."""
        return {
            "changed": bool(self.actions),
            "done": self.plan.done,
            "instance": self.plan.chosen,
            "kept": self.plan.keeps,
            "rollback_instances": [one.name for one in self.found.rollback_instances],
            "actions": [f"{one.subject}: {one.text}" for one in self.actions],
            "revisions": list(self.revisions),
            "table": self.table,
            "comparison": self.comparison,
        }
