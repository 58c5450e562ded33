"""Opening and closing a phase, and reading what earlier phases handed on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.ledger import lock
from engines.ledger.errors import LedgerError
from engines.ledger.owner import Owner
from engines.ledger.store import Document, Store

STATE_KEY = "state.json"
SUCCEEDED, FAILED, RUNNING = "succeeded", "failed", "running"
# The phase after which users are served: from then on the data phases leave the target alone.
GOING_LIVE = "deploy"


@dataclass(frozen=True)
class State:
    """The latest record of each phase, and since when the new world has served users (empty: not yet)."""

    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    live_since: str = ""

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
        return bool(self.live_since) or self.phases.get(GOING_LIVE, {}).get("outcome") == RUNNING

    @classmethod
    def from_document(cls, document: Document) -> State:
        """Read ``state.json``."""
        return cls(document.body.get("phases", {}), document.body.get("live_since", ""))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {"phases": self.phases, "live_since": self.live_since}

    def started(self, phase: str, run_id: str, now: str) -> State:
        """Return the state with ``phase`` running; what it handed on earlier stays until it succeeds anew."""
        record = {
            **self.phases.get(phase, {}),
            "outcome": RUNNING,
            "run_id": run_id,
            "started": now,
            "ended": "",
        }
        return State({**self.phases, phase: record}, self.live_since)

    def ended(self, phase: str, outcome: str, now: str, result: Mapping[str, Any]) -> State:
        """Return the state with ``phase`` ended; ``result`` replaces outputs and evidence on success only."""
        record = {**self.phases.get(phase, {}), "outcome": outcome, "ended": now}
        if outcome == SUCCEEDED:
            record.update(result)
        live = (
            now if phase == GOING_LIVE and outcome == SUCCEEDED and not self.live_since else self.live_since
        )
        return State({**self.phases, phase: record}, live)


def read(store: Store) -> State:
    """Return what the ledger holds; an empty state when there is no ledger yet."""
    return State.from_document(store.read(STATE_KEY))


def new_run_id(now: float) -> str:
    """Return an id that sorts by time and that two runs started together do not share."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{secrets.token_hex(3)}"


def open_phase(store: Store, phase: str, run_id: str, *, owner: Owner, now: float, lease: float) -> State:
    """Take the lock and record that ``phase`` has started. Raises ``LockedError`` when another run works."""
    lock.acquire(store, owner, run_id, now=now, lease=lease)
    return _update(store, run_id, phase, lambda state: state.started(phase, run_id, _stamp(now)))


def close_phase(
    store: Store,
    phase: str,
    run_id: str,
    *,
    owner: Owner,
    now: float,
    outcome: str,
    result: Mapping[str, Any],
) -> State:
    """Record how ``phase`` ended and give the lock back, whatever the outcome."""
    state = _update(store, run_id, phase, lambda state: state.ended(phase, outcome, _stamp(now), result))
    lock.release(store, owner)
    return state


def _update(store: Store, run_id: str, phase: str, change: Callable[[State], State]) -> State:
    document = store.read(STATE_KEY)
    state = change(State.from_document(document))
    if store.write(STATE_KEY, state.to_dict(), replacing=document) is None:
        raise LedgerError(
            "was changed by another run at the same time",
            subject=f"s3://{store.bucket}/{STATE_KEY}",
            remedy="Run the same command again.",
        )
    key = f"runs/{run_id}.json"
    journal = store.read(key)
    phases = {**journal.body.get("phases", {}), phase: state.phases[phase]}
    store.write(key, {"run_id": run_id, "phases": phases}, replacing=journal)
    return state


def _stamp(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
