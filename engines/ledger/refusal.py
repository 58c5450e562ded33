"""What a run is told that may not have the lock, or has lost it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engines.ledger.errors import FencedError, LockedError

if TYPE_CHECKING:
    from engines.ledger.lock import Lock
    from engines.ledger.store import Document, Store


def held(store: Store, lock: Lock, document: Document, consent: str) -> LockedError:
    """Another run holds the lock, and may still work."""
    age = max(0, round(document.now - lock.taken))
    left = round(lock.lease - document.age)
    if left >= 0:
        remedy = f"Wait for that run to end. If it is dead, its lease ends in {left} s and can be broken then"
    else:
        remedy = f"Its lease ended {-left} s ago. If that run is dead, break its lock"
    remedy += f": -e ledger_break_lock={lock.run_id}"
    if consent and consent not in {lock.run_id, lock.owner.name}:
        remedy += f" (ledger_break_lock is {consent}, which does not hold it)"
    return LockedError(
        f"run {lock.run_id} of {lock.owner} has held the lock for {age} s",
        subject=_subject(store),
        remedy=remedy,
        details={"run_id": lock.run_id, "owner": lock.owner.name, "age": age, "lease_left": left},
    )


def still_working(store: Store, lock: Lock, workers: list[int]) -> LockedError:
    """The run was killed, but not what it had started."""
    pids = " ".join(str(pid) for pid in workers)
    return LockedError(
        f"run {lock.run_id} of {lock.owner} was killed, but what it started still works (processes {pids})",
        subject=_subject(store),
        remedy=f"Wait until they have ended, or end them: kill {pids}",
        details={"run_id": lock.run_id, "owner": lock.owner.name, "workers": workers},
    )


def lost(store: Store, lock: Lock | None, run_id: str) -> FencedError:
    """The run was suspended for longer than its lease, and another one took the lock."""
    by = f"run {lock.run_id} of {lock.owner}" if lock is not None and lock.run_id != run_id else "another run"
    return FencedError(
        f"run {run_id} has lost the lock to {by}, and records nothing more",
        subject=_subject(store),
        remedy="Its lease ended while it was suspended. Let the other run end, then start a new one.",
    )


def _subject(store: Store) -> str:
    return f"s3://{store.bucket}/lock.json"
