"""The ledger: who is running, what each phase did, and its outputs, kept in a bucket of its own.

Keys of the state bucket: ``lock.json`` (the holder of the lock, or the last one), ``state.json`` (the latest
record of each phase), ``runs/<run id>.json`` (the journal of one run, never written by another run) and
``manifests/<SHA-256>.jsonl.zst`` (the proof of each object of a bucket).
"""

from engines.ledger import history, lease_keeper
from engines.ledger.apply import (
    Opening,
    close_phase,
    end_run,
    keep,
    new_run_id,
    note,
    open_phase,
    read,
    record,
)
from engines.ledger.errors import FencedError, LedgerError, LockedError, OrderError
from engines.ledger.guards import check_account, check_owner, known_event, make_bucket
from engines.ledger.lock import LOCK_KEY, Lock, renew
from engines.ledger.model import State, stamp
from engines.ledger.results import report
from engines.ledger.standing import Event
from engines.ledger.store import Document, Store

__all__ = [
    "LOCK_KEY",
    "Document",
    "Event",
    "FencedError",
    "LedgerError",
    "Lock",
    "LockedError",
    "Opening",
    "OrderError",
    "State",
    "Store",
    "check_account",
    "check_owner",
    "close_phase",
    "end_run",
    "history",
    "keep",
    "known_event",
    "lease_keeper",
    "make_bucket",
    "new_run_id",
    "note",
    "open_phase",
    "read",
    "record",
    "renew",
    "report",
    "stamp",
]
