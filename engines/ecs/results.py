"""The result of a release or a rollback, as the modules return it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from engines.ecs.model import Action, Steps
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


@dataclass(frozen=True)
class Released:
    """A service and its workers, by the names of their services.

    ``held`` are workers that must not be started yet, ``ended`` those that were no longer wanted. ``notes``
    says of each service that was passed over why it was.
    """

    service: Outcome
    workers: Mapping[str, Outcome] = field(default_factory=dict)
    held: Sequence[str] = ()
    ended: Sequence[Action] = ()
    notes: Sequence[str] = ()

    def as_result(self) -> dict[str, Any]:
        """Return what both modules document."""
        result = self.service.as_result()
        for name, each in self.workers.items():
            found = each.as_result()
            result["changed"] = result["changed"] or found["changed"]
            result["actions"] += found["actions"]
            result["differences"] += [
                {**one, "path": f"workers.{name}.{one['path']}"} for one in found["differences"]
            ]
            for side in ("before", "after"):
                shown = result["diff"][side]
                workers = {**shown.get("workers", {}), name: found["diff"][side]}
                result["diff"][side] = {**shown, "workers": workers}
        result["changed"] = result["changed"] or bool(self.ended)
        result["actions"] += [each.text for each in self.ended]
        result["notes"] = list(self.notes)
        result["workers"] = {name: each.definition_arn for name, each in self.workers.items()}
        return result
