"""The state of the phases as data. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engines.ledger import standing
from engines.ledger.errors import OrderError
from engines.ledger.standing import Event, Standing

SUCCEEDED, FAILED, RUNNING, INTERRUPTED = "succeeded", "failed", "running", "interrupted"
# The phase that moves users to the target. From then on its data are frozen: see ``standing``.
GOING_LIVE = "deploy"
# After it the target is empty, and no phase counts as run.
TEARDOWN = "teardown"
PHASES = ("provision", "database", "storage", "container", "deploy")
# Without this order a service without rows could go live, and freeze an empty database.
_NEEDS = {
    "database": ("provision",),
    "storage": ("provision",),
    "container": ("provision",),
    "deploy": ("provision", "database", "storage", "container"),
}
# Outputs in words. The others tell whether a phase has done something.
_SENTENCES = {"domain", "verdict"}


@dataclass(frozen=True)
class State:
    """The latest record of each phase, and since when the target has served users (empty: not yet).

    ``asked_since`` is when a release was last started of which it is not known yet whether it took traffic,
    empty if that is known. ``back_since`` is when users were moved back to the source, if they were.
    ``token`` is that of the lock under which it was last written.
    ``proofs`` names, for each phase, the run whose evidence counts: the last one that copied
    something, or whose outputs are others than before. Its journal keeps it.
    """

    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    live_since: str = ""
    token: int = 0
    asked_since: str = ""
    proofs: Mapping[str, str] = field(default_factory=dict)
    back_since: str = ""

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the phases, merged."""
        merged: dict[str, Any] = {}
        for record in self.phases.values():
            merged.update(record.get("outputs") or {})
        return merged

    @property
    def standing(self) -> Standing:
        """Whether users are served."""
        if self.back_since:
            return "moved back"
        if self.live_since:
            return "live"
        return "going live" if self.asked_since else "not live"

    @property
    def frozen(self) -> bool:
        """Return whether the target may hold users' own data."""
        return standing.freezes(self.standing)

    def after(self, event: Event, now: str) -> State:
        """Return the state once ``event`` has happened: see ``standing.TRANSITIONS``."""
        found = standing.after(self.standing, event)
        return replace(
            self,
            live_since=(self.live_since or now) if found in {"live", "moved back"} else "",
            asked_since=(self.asked_since or now) if found == "going live" else "",
            back_since=(self.back_since or now) if found == "moved back" else "",
        )

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> State:
        """Read ``state.json``."""
        return cls(
            body.get("phases", {}),
            body.get("live_since", ""),
            int(body.get("token", 0)),
            body.get("asked_since", ""),
            body.get("proofs", {}),
            body.get("back_since", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {
            "phases": self.phases,
            "live_since": self.live_since,
            "asked_since": self.asked_since,
            "back_since": self.back_since,
            "token": self.token,
            "proofs": self.proofs,
        }

    def started(self, phase: str, run_id: str, now: str) -> State:
        """Return the state with ``phase`` running; its earlier outputs stay until it succeeds again."""
        before = self.phases.get(phase, {})
        return self._with(
            phase, {**before, "outcome": RUNNING, "run_id": run_id, "started": now, "ended": ""}
        )

    def recorded(self, phase: str, evidence: Mapping[str, Any]) -> State:
        """Return the state with ``evidence`` added to that of a running phase."""
        record = self.phases.get(phase, {})
        return self._with(phase, {**record, "evidence": {**(record.get("evidence") or {}), **evidence}})

    def ended(self, phase: str, outcome: str, now: str, result: Mapping[str, Any]) -> State:
        """Return the state with ``phase`` ended; ``result`` replaces outputs and evidence on success only."""
        record = {**self.phases.get(phase, {}), "outcome": outcome, "ended": now}
        if outcome == SUCCEEDED:
            record.update(result)
            if phase == TEARDOWN:
                return replace(self, phases={phase: record}, proofs={}).after("torn down", now)
        state = replace(self._with(phase, record), proofs=self._proofs(phase, record))
        if phase != GOING_LIVE:
            return state
        return state.after("succeeded" if outcome == SUCCEEDED else "failed", now)

    def _proofs(self, phase: str, record: Mapping[str, Any]) -> Mapping[str, str]:
        """Return ``proofs`` once ``phase`` has ended; a run that had nothing to do leaves them."""
        copy = (record.get("evidence") or {}).get("copy")
        before, after = (_facts(one.get("outputs")) for one in (self.phases.get(phase, {}), record))
        done = before != after if copy is None else copy.get("changed")
        if record["outcome"] != SUCCEEDED or (phase in self.proofs and not done):
            return self.proofs
        return {**self.proofs, phase: str(record.get("run_id", ""))}

    def interrupted(self, run_id: str, now: str) -> State:
        """Return the state after ``run_id`` was cut off: what it had begun has not ended by itself."""
        cut_off = {
            name: {**record, "outcome": INTERRUPTED, "ended": now}
            for name, record in self.phases.items()
            if record.get("run_id") == run_id and record.get("outcome") == RUNNING
        }
        state = replace(self, phases={**self.phases, **cut_off})
        return state.after("cut off", now) if GOING_LIVE in cut_off else state

    def check_order(self, phase: str) -> None:
        """Raise ``OrderError`` unless what ``phase`` builds on has succeeded; once live, it did before.

        A teardown that has begun comes first: what is left of the target could go live without its rows.
        """
        begun = self.phases.get(TEARDOWN, {}).get("outcome", SUCCEEDED)
        if phase != TEARDOWN and begun != SUCCEEDED:
            raise OrderError(
                f"comes after a teardown that has not ended ({begun})",
                subject=f"phase {phase}",
                remedy="Run `ansible-playbook playbooks/teardown.yml` to its end.",
            )
        if phase == GOING_LIVE and self.back_since:
            raise OrderError(
                f"would serve users from a target that lacks what they wrote since {self.back_since}, when "
                "they were moved back to the source. Nothing was changed",
                subject=f"phase {phase}",
                remedy="To move them again, run `ansible-playbook playbooks/teardown.yml`, then migrate.yml.",
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


def _facts(outputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return outputs without sentences, which a run that has nothing to do may word otherwise."""
    return {name: value for name, value in (outputs or {}).items() if name not in _SENTENCES}


def outcome_of(phases: Mapping[str, Mapping[str, Any]]) -> str:
    """How a run ended whose phases ended like this."""
    outcomes = {record.get("outcome") for record in phases.values()}
    if outcomes & {RUNNING, INTERRUPTED}:
        return INTERRUPTED
    return FAILED if FAILED in outcomes else SUCCEEDED


def stamp(now: float) -> str:
    """Seconds since the epoch as an ISO 8601 text."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
