"""Opening and closing a phase, ending a run, and reading what was recorded."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.errors import EngineError, RefusedError
from engines.ledger import lock
from engines.ledger.fingerprint import fingerprint
from engines.ledger.lock import Lock
from engines.ledger.model import FAILED, RUNNING, TEARDOWN, State, outcome_of, stamp
from engines.ledger.standing import Event
from engines.ledger.store import Document, Store
from engines.runs import Owner

STATE_KEY = "state.json"
RUNS = "runs/"


@dataclass(frozen=True)
class Opening:
    """How a phase is opened: by which run, for how long at a time (seconds), and with which consents.

    ``inputs`` is what the run was configured with; only its fingerprint is kept. ``break_lock`` names the run
    (or its ``user@host``) whose stale lock may be broken, ``unfreeze`` the ``environment`` whose data may be
    changed although it serves users. ``seen`` asks the service what users saw of it (one of
    ``standing.SEEN``), given what the ledger knows; it is called unless that says that they are served.
    """

    phase: str
    run_id: str
    owner: Owner
    lease: float = 300
    wait: float = 0
    environment: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    break_lock: str = ""
    unfreeze: str = ""
    seen: Callable[[State], Event] | None = None

    @property
    def thaws(self) -> bool:
        """Whether there is consent to change data that users may have written. Raises if it names another."""
        if self.unfreeze and self.unfreeze != self.environment:
            raise RefusedError(
                f"names {self.unfreeze}, but this is {self.environment or 'an environment without a name'}",
                subject="ledger_unfreeze",
                remedy="Name the environment whose data may be overwritten, or leave it empty.",
            )
        return bool(self.unfreeze)


def read(store: Store) -> State:
    """Return what the ledger holds; an empty state when there is no ledger yet."""
    return State.from_body(store.read(STATE_KEY).body)


def new_run_id(now: float) -> str:
    """Return an id that sorts by time and that two runs started together do not share."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{secrets.token_hex(3)}"


def open_phase(store: Store, opening: Opening) -> State:
    """Take the lock, or renew it, and record that the phase has started.

    Raises ``LockedError`` when another run works, and ``FencedError`` when one has worked since this run's
    last step.
    """
    try:
        return _open(store, opening)
    except EngineError:
        # A phase that did not start holds no lock: others would wait for its whole lease.
        with contextlib.suppress(EngineError):
            lock.release(store, opening.owner, opening.run_id)
        raise


def _open(store: Store, opening: Opening) -> State:
    thaws = opening.thaws
    journal = store.read(_journal_key(opening.run_id))
    held, broken = lock.acquire(
        store,
        opening.owner,
        opening.run_id,
        lease=opening.lease,
        consent=opening.break_lock,
        wait=opening.wait,
        token=_token(journal, opening.owner),
        latest=lambda: read(store).token,
    )
    now = stamp(time.time())
    if broken is not None:
        _record(store, broken.run_id, lambda body: _run_ended(body, now))

    def change(state: State) -> State:
        known = state if broken is None else state.interrupted(broken.run_id, now)
        if opening.seen is not None and not known.live_since and opening.phase != TEARDOWN:
            known = known.after(opening.seen(known), now)
        known.check_order(opening.phase)
        return known.started(opening.phase, opening.run_id, now)

    state = _update(store, held, change)
    header = {
        "run_id": opening.run_id,
        "token": held.token,
        "owner": opening.owner.to_dict(),
        "inputs": fingerprint(opening.inputs),
        "started": journal.body.get("started", now),
        "ended": "",
        "outcome": RUNNING,
        "unfrozen": journal.body.get("unfrozen", False) or thaws,
    }
    phase = {opening.phase: state.phases[opening.phase]}
    _record(store, opening.run_id, lambda body: {**header, "phases": {**body.get("phases", {}), **phase}})
    return state


def close_phase(
    store: Store, phase: str, run_id: str, *, owner: Owner, outcome: str, result: Mapping[str, Any]
) -> State:
    """Record how ``phase`` ended; a failure ends the run and gives the lock back."""
    held = lock.verify(store, owner, run_id)
    now = stamp(time.time())
    state = _update(store, held, lambda state: state.ended(phase, outcome, now, result))
    record = {phase: state.phases[phase]}
    _record(store, run_id, lambda body: {**body, "phases": {**body.get("phases", {}), **record}})
    if outcome == FAILED:
        end_run(store, run_id, owner=owner)
    return state


def keep(store: Store, files: Mapping[str, str]) -> None:
    """Store files (key → path) that evidence names, each once; what is not on this machine is left out."""
    for key, path in files.items():
        if Path(path).is_file():
            store.add(key, Path(path))


def note(store: Store, run_id: str, *, owner: Owner, event: Event) -> State:
    """Record an event of the release when it happens. Only the run that holds the lock may."""
    held = lock.verify(store, owner, run_id)
    return _update(store, held, lambda state: state.after(event, stamp(time.time())))


def record(store: Store, run_id: str, phase: str, *, owner: Owner, evidence: Mapping[str, Any]) -> State:
    """Add to the evidence of a phase what the next run must know even if this one is killed."""
    held = lock.verify(store, owner, run_id)
    return _update(store, held, lambda state: state.recorded(phase, evidence))


def end_run(store: Store, run_id: str, *, owner: Owner) -> bool:
    """Record how the run ended and give the lock back; False if the run no longer holds it."""
    held = Lock.from_document(store.read(lock.LOCK_KEY))
    if held is None or not held.is_of(owner, run_id):
        return False
    now = stamp(time.time())
    if any(
        each.get("run_id") == run_id and each.get("outcome") == RUNNING
        for each in read(store).phases.values()
    ):
        _update(store, held, lambda state: state.interrupted(run_id, now))
    _record(store, run_id, lambda body: _run_ended(body, now))
    return lock.release(store, owner, run_id)


def _run_ended(body: Mapping[str, Any], now: str) -> dict[str, Any]:
    phases = State(body.get("phases", {})).interrupted(body.get("run_id", ""), now).phases
    return {**body, "phases": phases, "ended": now, "outcome": outcome_of(phases)}


def _token(journal: Document, owner: Owner) -> int:
    """The token under which this process last worked for the run; 0 if it has not."""
    known = journal.body.get("owner")
    return int(journal.body["token"]) if known and Owner.from_dict(known).is_same_process(owner) else 0


def _update(store: Store, held: Lock, change: Callable[[State], State]) -> State:
    """Write the changed state, unless a run with a later token has written: then this one was suspended."""
    while True:
        document = store.read(STATE_KEY)
        state = State.from_body(document.body)
        if state.token > held.token:
            raise lock.lost_error(store, Lock.from_document(store.read(lock.LOCK_KEY)), held.run_id)
        body = {**change(state).to_dict(), "token": held.token}
        if store.write(STATE_KEY, body, replacing=document) is not None:
            return State.from_body(body)


def _record(store: Store, run_id: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the journal of a run."""
    while True:
        document = store.read(_journal_key(run_id))
        if store.write(_journal_key(run_id), change(document.body), replacing=document) is not None:
            return


def _journal_key(run_id: str) -> str:
    return f"{RUNS}{run_id}.json"
