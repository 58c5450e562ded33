"""The result of a release or a rollback, as the modules return it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engines.ecs.model import Steps
from engines.ecs.plan import Plan


@dataclass(frozen=True)
class Outcome:
    """What was done and what runs now. ``deployment`` has ``id`` and ``rollout_state``.

    ``previous_arn`` is the revision that the service had before, empty if there was no service.
    """

    plan: Plan
    definition_arn: str
    registered: bool
    deployment: Mapping[str, str]
    seconds: float
    text: str
    previous_arn: str = ""
    scaling: Steps = field(default_factory=Steps)

    @property
    def changed(self) -> bool:
        """Whether anything was changed on AWS, or in a dry run would be."""
        return bool(self.plan.actions or self.scaling.calls)

    @property
    def actions(self) -> list[str]:
        """One line for each action that was done, or in a dry run would be."""
        return [each.text for each in self.plan.actions] + [each.text for each in self.scaling.calls]

    def as_result(self) -> dict[str, Any]:
        """Return what both modules document."""
        return {
            "changed": self.changed,
            "task_definition_arn": self.definition_arn,
            "actions": self.actions,
            "seconds": self.seconds,
            "answer": self.text,
            "differences": [asdict(each) for each in self.plan.differences],
            "diff": {"before": self.plan.before, "after": self.plan.after},
        }
