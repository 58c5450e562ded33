"""What each status of a stack means: a sentence, its cause, and the next step of the recovery.

The states are those of CloudFormation's "Understand CloudFormation stack creation events and status codes".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from engines import permissions
from engines.stack.model import SETTLED, Event

# ``delete``: it holds nothing of value, or only what is kept. ``wait``: AWS is at work.
Step = Literal["none", "wait", "delete", "continue", "roll back"]

_MEANINGS: dict[str, tuple[Step, str]] = {
    "REVIEW_IN_PROGRESS": ("delete", "it is a change set that nobody has executed, and nothing was built"),
    "CREATE_FAILED": ("delete", "its creation failed, and what was built of it is there still"),
    "ROLLBACK_COMPLETE": ("delete", "its creation failed, and what was built of it was removed"),
    "ROLLBACK_FAILED": ("delete", "its creation failed, and not all that was built of it could be removed"),
    "IMPORT_ROLLBACK_FAILED": ("delete", "an import into it failed, and could not be taken back"),
    "DELETE_FAILED": ("delete", "AWS could not delete all of it"),
    "UPDATE_FAILED": ("roll back", "an update of it failed, and was not taken back"),
    "UPDATE_ROLLBACK_FAILED": ("continue", "an update of it failed, and could not be taken back"),
}
_DOES: dict[Step, str] = {
    "none": "",
    "wait": "wait until AWS is done with it",
    "delete": "delete what is left of it and create it again; buckets are kept, a database as a snapshot",
    "continue": "let AWS take the update back, and go on",
    "roll back": "let AWS take the update back, and go on",
}
# What the failure of another resource, or a person, brings with it.
_FOLLOWS = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")
_STACK = "AWS::CloudFormation::Stack"
_BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"})


@dataclass(frozen=True)
class Condition:
    """The state ``status`` of the stack ``name``: what it means, why it came to that, and the next step."""

    name: str
    status: str
    meaning: str
    step: Step
    cause: str = ""

    @property
    def sentence(self) -> str:
        """Return it as one sentence."""
        why = f" The first failure: {self.cause}" if self.cause else ""
        return f"is in {self.status}: {self.meaning}.{why}"

    @property
    def does(self) -> str:
        """Return what the next step does."""
        return _DOES[self.step]


def condition(name: str, status: str, events: Sequence[Event] = ()) -> Condition:
    """Return what ``status`` means; ``events`` are those of the stack, the latest first."""
    cause = first_failure(events)
    if status in SETTLED:
        return Condition(name, status, "AWS has finished with it", "none", cause)
    if status in _MEANINGS:
        step, meaning = _MEANINGS[status]
        return Condition(name, status, meaning, step, cause)
    begun = next((event.time for event in events if event.type == _STACK), "")
    since = f" since {begun}" if begun else ""
    return Condition(name, status, f"AWS is at work on it{since}", "wait", cause)


def first_failure(events: Sequence[Event]) -> str:
    """Return the first failure of the last operation, quoted, and what to do if it is a denial.

    Of a deletion that failed it is that of the deletion, and then that of what it was to clean up.
    """
    deletion = _since(events, {"DELETE_IN_PROGRESS"})
    before = _since(events[len(deletion) :] if deletion else events, _BEGINNINGS) or events
    failures = [_quoted(deletion), _quoted(before)]
    return " Before that: ".join(failure for failure in failures if failure)


def _quoted(events: Sequence[Event]) -> str:
    failed = [event for event in events if event.status.endswith("_FAILED")]
    own = [event for event in failed if event.type != _STACK and not event.reason.startswith(_FOLLOWS)]
    if not failed:
        return ""
    first = (own or failed)[-1]
    reason = first.reason or "AWS gave no reason"
    remedy = permissions.remedy(reason)
    return f"{first.logical_id} ({first.type}): {reason}" + (f" {remedy}" if remedy else "")


def _since(events: Sequence[Event], beginnings: Collection[str]) -> Sequence[Event]:
    """Return the events since the stack was last in one of ``beginnings``; none if it was not."""
    for number, event in enumerate(events):
        if event.type == _STACK and event.status in beginnings:
            return events[: number + 1]
    return ()
