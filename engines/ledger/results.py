"""The ledger as lines of text: phases, lock, runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engines.ledger.apply import RUNS, STATE_KEY
from engines.ledger.lock import LOCK_KEY, Lock
from engines.ledger.model import GOING_LIVE, INTERRUPTED, PHASES, RUNNING, SUCCEEDED, State, outcome_of
from engines.ledger.store import Document, Store
from engines.runs import Owner
from engines.table import table

_SHORT = 12


def report(store: Store, runs: int) -> dict[str, Any]:
    """Return the ``lock``, the latest ``runs`` (newest first), and a ``summary`` of both and the phases."""
    lock = _lock(store.read(LOCK_KEY))
    journals = [document.body for document in store.newest(RUNS, runs)] if runs else []
    state = State.from_body(store.read(STATE_KEY).body)
    return {"lock": lock, "runs": journals, "summary": summary(state, lock, journals)}


def summary(state: State, lock: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines that ``playbooks/status.yml`` shows."""
    lines = [f"live since: {_live_since(state)}", f"lock: {_lock_line(lock)}"]
    if runs:
        lines.append(f"last run: {runs[0]['run_id']}, {_run_outcome(runs[0])}")
    head = ("PHASE", "OUTCOME", "RUNNING SINCE", "DONE AT", "PROVEN BY", "LIVE SINCE", "LAST RUN")
    lines += ["", *table(head, _phase_rows(state))]
    if runs:
        rows = [_run_row(run) for run in runs]
        lines += ["", *table(("RUN", "OUTCOME", "STARTED", "ENDED", "OWNER", "INPUTS", "COMMAND"), rows)]
    return lines


def _live_since(state: State) -> str:
    if state.standing == "going live":
        return f"not known yet; a release was started at {state.asked_since}"
    back = f"; users were moved back to the source at {state.back_since}" if state.back_since else ""
    return f"{state.live_since}{back}" if state.live_since else "not live yet"


def _lock(document: Document) -> dict[str, Any]:
    lock = Lock.from_document(document)
    if lock is None or not lock.held:
        return {"held": False}
    return {
        "held": True,
        "run_id": lock.run_id,
        "owner": str(lock.owner),
        "command": lock.owner.command,
        "age": max(0, round(document.now - lock.taken)),
        "lease_left": round(lock.lease - document.age),
        "known_dead": lock.owner.is_known_dead(),
    }


def _lock_line(lock: Mapping[str, Any]) -> str:
    if not lock["held"]:
        return "free"
    if lock["known_dead"]:
        condition = "its process has ended: the next run takes over"
    elif lock["lease_left"] >= 0:
        condition = f"lease ends in {lock['lease_left']} s unless renewed"
    else:
        condition = f"STALE: lease ended {-lock['lease_left']} s ago"
    return f"held by run {lock['run_id']} of {lock['owner']} for {lock['age']} s; {condition}"


def _phase_rows(state: State) -> Iterator[tuple[str, ...]]:
    """Yield a row for each phase; proven is it by a run whose evidence a later one leaves as it is."""
    for name in [*PHASES, *(phase for phase in state.phases if phase not in PHASES)]:
        record = state.phases.get(name, {"outcome": "planned"})
        outcome = str(record.get("outcome"))
        yield (
            name,
            outcome,
            str(record.get("started") or "-") if outcome == RUNNING else "-",
            str(record.get("ended") or "-") if outcome == SUCCEEDED else "-",
            state.proofs.get(name, "-"),
            (state.live_since or "-") if name == GOING_LIVE else "-",
            str(record.get("run_id") or "-"),
        )


def _run_outcome(run: Mapping[str, Any]) -> str:
    """How a run ended. One of a single phase ends with it, and records no end of its own."""
    outcome = str(run["outcome"])
    if outcome != RUNNING or not Owner.from_dict(run["owner"]).is_known_dead():
        return outcome
    ended = outcome_of(run.get("phases") or {})
    return "cut off" if ended == INTERRUPTED else ended


def _run_row(run: Mapping[str, Any]) -> tuple[str, ...]:
    owner = Owner.from_dict(run["owner"])
    return (
        str(run["run_id"]),
        _run_outcome(run),
        str(run["started"]),
        str(run["ended"] or "-"),
        owner.name,
        str(run["inputs"])[:_SHORT],
        owner.command or "-",
    )
