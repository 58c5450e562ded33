"""The state of a run as it is shown. Changed by ``take`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engines.display.failures import Failure

_REPORTS = {"status", "outputs", "drift", "preflight", "report", "evidence"}
Outcome = Literal["waiting", "running", "done", "failed"]


@dataclass
class Bar:
    """How far something is: a ``share`` from 0 to 1 (None: not known), in words, and the seconds left."""

    share: float | None
    words: str
    seconds_left: float | None = None
    at: float = 0.0


@dataclass
class Phase:
    """One play. ``task`` is what it is at, ``detail`` what an engine said last of it."""

    name: str
    title: str
    outcome: Outcome = "waiting"
    began: float = 0.0
    ended: float = 0.0
    task: str = ""
    task_began: float = 0.0
    tasks: int = 0
    changed: int = 0
    detail: str = ""
    failed_at: str = ""
    notes: list[str] = field(default_factory=list)
    bar: Bar | None = None
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass
class Screen:
    """A run: its phases in order, what failed, and what modules returned of interest, by module."""

    playbook: str = ""
    command: str = ""
    check: bool = False
    log: str = ""
    width: int = 80
    began: float = 0.0
    ended: float = 0.0
    phases: list[Phase] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def phase(self) -> Phase | None:
        """The phase that runs."""
        return next((one for one in self.phases if one.outcome == "running"), None)

    @property
    def only_reports(self) -> bool:
        """Whether the run has told something and nothing else, so that a verdict would say nothing."""
        return self.playbook in _REPORTS and not self.failures

    @property
    def is_long(self) -> bool:
        """Whether several plays run, so that each is told in few words."""
        return len(self.phases) > 1
