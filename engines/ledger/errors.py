"""What can be wrong with the ledger."""

from __future__ import annotations

from engines.errors import EngineError


class LedgerError(EngineError):
    """The ledger could not be read or written."""


class LockedError(LedgerError):
    """Another run holds the lock."""

    refuses = True


class FencedError(LedgerError):
    """The lock went to another run, so that the one which lost it may write nothing more."""


class OrderError(LedgerError):
    """A phase was started before the phases that it needs have succeeded."""

    refuses = True
