"""What the phases have come to, as data: pure, so that each step can be tested with literal values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engines.ledger.errors import OrderError

SUCCEEDED, FAILED, RUNNING, INTERRUPTED = "succeeded", "failed", "running", "interrupted"
# The phase after which users are served: from then on the data phases leave the target alone.
GOING_LIVE = "deploy"
# What ends all that: afterwards the new world is empty again, and no phase has been run.
TEARDOWN = "teardown"
PHASES = ("provision", "database", "storage", "container", "deploy")
# A service without its rows would go live, and freeze, an empty world.
_NEEDS = {
    "database": ("provision",),
    "storage": ("provision",),
    "container": ("provision",),
    "deploy": ("provision", "database", "storage", "container"),
}


@dataclass(frozen=True)
class State:
    """The latest record of each phase, and since when the new world has served users (empty: not yet).

    ``token`` is that of the lock under which it was last written.
    """

    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    live_since: str = ""
    token: int = 0

    @property
    def outputs(self) -> dict[str, Any]:
        """What the phases handed on, merged."""
        merged: dict[str, Any] = {}
        for record in self.phases.values():
            merged.update(record.get("outputs") or {})
        return merged

    @property
    def frozen(self) -> bool:
        """Whether the target may hold users' own data: live, or a deployment was cut off half-way."""
        cut_off = self.phases.get(GOING_LIVE, {}).get("outcome") in {RUNNING, INTERRUPTED}
        return bool(self.live_since) or cut_off

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> State:
        """Read ``state.json``."""
        return cls(body.get("phases", {}), body.get("live_since", ""), int(body.get("token", 0)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {"phases": self.phases, "live_since": self.live_since, "token": self.token}

    def started(self, phase: str, run_id: str, now: str) -> State:
        """Return the state with ``phase`` running; what it handed on earlier stays until it succeeds anew."""
        before = self.phases.get(phase, {})
        return self._with(
            phase, {**before, "outcome": RUNNING, "run_id": run_id, "started": now, "ended": ""}
        )

    def ended(self, phase: str, outcome: str, now: str, result: Mapping[str, Any]) -> State:
        """Return the state with ``phase`` ended; ``result`` replaces outputs and evidence on success only."""
        record = {**self.phases.get(phase, {}), "outcome": outcome, "ended": now}
        if outcome == SUCCEEDED:
            record.update(result)
            if phase == TEARDOWN:
                return replace(self, phases={phase: record}, live_since="")
        goes_live = phase == GOING_LIVE and outcome == SUCCEEDED and not self.live_since
        return replace(self._with(phase, record), live_since=now if goes_live else self.live_since)

    def interrupted(self, run_id: str, now: str) -> State:
        """Return the state after ``run_id`` was cut off: what it had begun has not ended by itself."""
        cut_off = {
            name: {**record, "outcome": INTERRUPTED, "ended": now}
            for name, record in self.phases.items()
            if record.get("run_id") == run_id and record.get("outcome") == RUNNING
        }
        return replace(self, phases={**self.phases, **cut_off})

    def check_order(self, phase: str) -> None:
        """Raise ``OrderError`` unless what ``phase`` builds on has succeeded; once live, it did before.

        A teardown that has begun is ended first: a world that is half gone would go live without its rows.
        """
        begun = self.phases.get(TEARDOWN, {}).get("outcome", SUCCEEDED)
        if phase != TEARDOWN and begun != SUCCEEDED:
            raise OrderError(
                f"comes after a teardown that has not ended ({begun})",
                subject=f"phase {phase}",
                remedy="Run `ansible-playbook playbooks/teardown.yml` to its end.",
            )
        for need in _NEEDS.get(phase, ()):
            if not self.live_since and self.phases.get(need, {}).get("outcome") != SUCCEEDED:
                raise OrderError(
                    f"needs the phase {need}, which has not succeeded yet",
                    subject=f"phase {phase}",
                    remedy=f"Run `ansible-playbook playbooks/{need}.yml`, or migrate.yml for all of them.",
                )

    def _with(self, phase: str, record: Mapping[str, Any]) -> State:
        return replace(self, phases={**self.phases, phase: record})


def outcome_of(phases: Mapping[str, Mapping[str, Any]]) -> str:
    """How a run ended whose phases ended like this."""
    outcomes = {record.get("outcome") for record in phases.values()}
    if outcomes & {RUNNING, INTERRUPTED}:
        return INTERRUPTED
    return FAILED if FAILED in outcomes else SUCCEEDED


def stamp(now: float) -> str:
    """Seconds since the epoch as a person and a program can read them."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
