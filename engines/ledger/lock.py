"""One run at a time: a lock that is an S3 object, taken with a conditional write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engines.ledger.errors import LockedError
from engines.ledger.owner import Owner
from engines.ledger.store import Document, Store

LOCK_KEY = "lock.json"


@dataclass(frozen=True)
class Lock:
    """Who holds the lock, since when and until when (seconds since the epoch), and in which run."""

    owner: Owner
    run_id: str
    taken: float
    expires: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return {
            "owner": self.owner.to_dict(),
            "run_id": self.run_id,
            "taken": self.taken,
            "expires": self.expires,
        }

    @classmethod
    def from_document(cls, document: Document) -> Lock | None:
        """Read a lock, or None when nobody holds it."""
        body = document.body
        if not body:
            return None
        return cls(
            Owner.from_dict(body["owner"]), str(body["run_id"]), float(body["taken"]), float(body["expires"])
        )

    def may_be_taken_by(self, owner: Owner, now: float) -> bool:
        """Whether ``owner`` may take it over: it is its own, its holder is dead, or its lease is over."""
        return self.owner == owner or self.owner.is_known_dead() or now > self.expires


def acquire(store: Store, owner: Owner, run_id: str, *, now: float, lease: float) -> None:
    """Take the lock for ``lease`` seconds, or raise ``LockedError`` that names its holder and its age."""
    held = store.read(LOCK_KEY)
    lock = Lock.from_document(held)
    if lock is not None and not lock.may_be_taken_by(owner, now):
        raise _locked(store, lock, now)
    taken = lock.taken if lock is not None and lock.owner == owner else now
    mine = Lock(owner, run_id, taken, now + lease)
    if store.write(LOCK_KEY, mine.to_dict(), replacing=held) is None:
        winner = Lock.from_document(store.read(LOCK_KEY)) or mine
        raise _locked(store, winner, now)


def release(store: Store, owner: Owner) -> None:
    """Give the lock back if it is still ours; someone else's lock is left alone."""
    lock = Lock.from_document(store.read(LOCK_KEY))
    if lock is not None and lock.owner == owner:
        store.delete(LOCK_KEY)


def _locked(store: Store, lock: Lock, now: float) -> LockedError:
    age = max(0, round(now - lock.taken))
    left = max(0, round(lock.expires - now))
    return LockedError(
        f"run {lock.run_id} of {lock.owner} has held the lock for {age} s",
        subject=f"s3://{store.bucket}/{LOCK_KEY}",
        remedy=f"Wait for that run to end; if it is dead, its lease ends in {left} s.",
    )
