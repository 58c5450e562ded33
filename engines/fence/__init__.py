"""The fence: triggers that refuse writes to the source database while users are moved, and afterwards.

Statement triggers on every table refuse INSERT, UPDATE, DELETE and TRUNCATE, but only while one session of
the run holds an advisory lock and a deadline has not passed: the fence of a run that is dead, frozen or cut
off opens by itself. At go-live it is made lasting, until ``lift``.

The promise: rows and objects of the source are never changed; the fence is named in the plan, consented to,
and removed.
"""

from engines.fence.apply import inspect, lift
from engines.fence.errors import (
    FenceBusyError,
    FenceError,
    FenceForeignError,
    FenceImpossibleError,
    FenceLapsedError,
)
from engines.fence.holder import is_held, keep, let_go, put_up
from engines.fence.model import SCHEMA, TRIGGER, Found, Terms
from engines.fence.plan import missing_rights
from engines.fence.results import as_result

__all__ = [
    "SCHEMA",
    "TRIGGER",
    "FenceBusyError",
    "FenceError",
    "FenceForeignError",
    "FenceImpossibleError",
    "FenceLapsedError",
    "Found",
    "Terms",
    "as_result",
    "inspect",
    "is_held",
    "keep",
    "let_go",
    "lift",
    "missing_rights",
    "put_up",
]
