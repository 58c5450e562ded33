"""The lock of the ledger: an S3 object that is acquired, renewed and released by conditional writes alone.

The object is never deleted: each holder's token is one more than the last one's, so that a run which lost the
lock while it was suspended can be distinguished from the current holder (a fencing token).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from engines.ledger.errors import FencedError, LockedError
from engines.ledger.store import Document, Store
from engines.runs import Owner, processes

LOCK_KEY = "lock.json"
FREE, OURS, DEAD, BROKEN, HELD = "free", "ours", "dead", "broken", "held"


@dataclass(frozen=True)
class Lock:
    """Who holds the lock (or held it last), in which run, since when, and for how long at a time.

    ``taken`` is in seconds since the epoch, ``lease`` in seconds: it runs from the last write.
    """

    token: int
    owner: Owner
    run_id: str
    taken: float
    lease: float
    held: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {
            "token": self.token,
            "owner": self.owner.to_dict(),
            "run_id": self.run_id,
            "taken": self.taken,
            "lease": self.lease,
            "held": self.held,
        }

    @classmethod
    def from_document(cls, document: Document) -> Lock | None:
        """Read a lock, or None when nobody ever held it."""
        body = document.body
        if not body:
            return None
        return cls(
            int(body["token"]),
            Owner.from_dict(body["owner"]),
            str(body["run_id"]),
            float(body["taken"]),
            float(body["lease"]),
            bool(body["held"]),
        )

    def is_of(self, owner: Owner, run_id: str) -> bool:
        """Whether this process holds it, in this run."""
        return self.held and self.run_id == run_id and self.owner.is_same_process(owner)

    def claim(self, owner: Owner, run_id: str, *, age: float, dead: bool, consent: str) -> str:
        """Say why ``owner`` may take it (``FREE``, ``OURS``, ``DEAD``, ``BROKEN``), or that it is ``HELD``.

        ``age`` is how long ago it was written, ``dead`` whether its holder is known to have ended, and
        ``consent`` the run or the person whose lock may be broken once its lease is over.
        """
        if not self.held:
            return FREE
        if self.is_of(owner, run_id):
            return OURS
        if dead:
            return DEAD
        return BROKEN if age > self.lease and consent in {self.run_id, self.owner.name} else HELD


def acquire(
    store: Store,
    owner: Owner,
    run_id: str,
    *,
    lease: float,
    consent: str = "",
    wait: float = 0,
    token: int = 0,
    latest: Callable[[], int] = lambda: 0,
) -> tuple[Lock, Lock | None]:
    """Take the lock, or renew it; return it, and the lock of the run that it was taken over from.

    What a killed run has left at work is waited for, ``wait`` seconds at most. ``token`` is the one under
    which this run last held it; ``latest`` returns the one under which the ledger was last written, which
    tokens go on from where somebody has deleted the lock. Raises ``LockedError`` when another run works, with
    its owner and the lock's age, and ``FencedError`` when another run has held the lock since.
    """
    held = store.read(LOCK_KEY)
    lock = Lock.from_document(held)
    if token and (lock is None or lock.token != token):
        raise lost_error(store, lock, run_id)
    if lock is None:
        mine, claim = Lock(latest() + 1, owner, run_id, held.now, lease), FREE
    else:
        dead = lock.held and lock.owner.is_known_dead()
        claim = lock.claim(owner, run_id, age=held.age, dead=dead, consent=consent)
        if claim == HELD:
            raise _held_error(store, lock, held, consent)
        if claim == DEAD:
            _wait_for_workers(store, lock, wait)
        fresh = Lock(lock.token + 1, owner, run_id, held.now, lease)
        mine = replace(lock, lease=lease) if claim == OURS else fresh
        if mine == lock and held.age < lease / 3:
            return lock, None
    if store.write(LOCK_KEY, mine.to_dict(), replacing=held) is None:
        # Somebody was faster, or the keeper of our own run renewed it: look again.
        return acquire(
            store, owner, run_id, lease=lease, consent=consent, wait=wait, token=token, latest=latest
        )
    return mine, lock if claim in {DEAD, BROKEN} else None


def renew(store: Store, owner: Owner, run_id: str) -> bool:
    """Let the lease run anew; False when the lock is no longer this run's."""
    document = store.read(LOCK_KEY)
    lock = Lock.from_document(document)
    if lock is None or not lock.is_of(owner, run_id):
        return False
    # A write that lost a race met a renewal, or a new holder, which the next renewal will see.
    store.write(LOCK_KEY, lock.to_dict(), replacing=document)
    return True


def verify(store: Store, owner: Owner, run_id: str) -> Lock:
    """Return the lock if it is still this run's; raise ``FencedError`` if another run has taken it."""
    document = store.read(LOCK_KEY)
    lock = Lock.from_document(document)
    if lock is None or not lock.is_of(owner, run_id):
        raise lost_error(store, lock, run_id)
    return lock


def release(store: Store, owner: Owner, run_id: str) -> bool:
    """Release the lock if this run still holds it; that of another run is not changed."""
    document = store.read(LOCK_KEY)
    lock = Lock.from_document(document)
    if lock is None or not lock.is_of(owner, run_id):
        return False
    free = replace(lock, held=False)
    return store.write(LOCK_KEY, free.to_dict(), replacing=document) is not None or release(
        store, owner, run_id
    )


def _wait_for_workers(store: Store, lock: Lock, wait: float) -> None:
    """Return when nothing works any more for a run whose main process was killed."""
    deadline = time.monotonic() + wait
    while workers := processes.workers_of(lock.run_id):
        if time.monotonic() >= deadline:
            raise _still_working_error(store, lock, workers)
        time.sleep(0.5)


def _held_error(store: Store, lock: Lock, document: Document, consent: str) -> LockedError:
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


def _still_working_error(store: Store, lock: Lock, workers: list[int]) -> LockedError:
    """The run was killed, but not what it had started."""
    pids = " ".join(str(pid) for pid in workers)
    return LockedError(
        f"run {lock.run_id} of {lock.owner} was killed, but what it started still works (processes {pids})",
        subject=_subject(store),
        remedy=f"Wait until they have ended, or end them: kill {pids}",
        details={"run_id": lock.run_id, "owner": lock.owner.name, "workers": workers},
    )


def lost_error(store: Store, lock: Lock | None, run_id: str) -> FencedError:
    """The run was suspended for longer than its lease, and another one took the lock."""
    by = f"run {lock.run_id} of {lock.owner}" if lock is not None and lock.run_id != run_id else "another run"
    return FencedError(
        f"run {run_id} has lost the lock to {by}, and records nothing more",
        subject=_subject(store),
        remedy="Its lease ended while it was suspended. Let the other run end, then start a new one.",
    )


def _subject(store: Store) -> str:
    return f"s3://{store.bucket}/lock.json"
