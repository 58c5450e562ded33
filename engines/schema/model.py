"""The options and the result of an upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.schema.invalid_indexes import Index
from engines.schema.revisions import Pending


@dataclass(frozen=True)
class Options:
    """What the user wants: see the module ``alembic_upgrade``. Times are seconds; 0 means without limit."""

    config: Path
    target: str = "head"
    lock_timeout: float = 10
    statement_timeout: float = 0
    lock_wait: float = 60


@dataclass(frozen=True)
class Result:
    """``before`` and ``after`` are revisions (empty: none); ``applied`` are those in between, in order.

    ``dropped`` are invalid indexes that made way for a revision which builds them; ``invalid`` are the others
    that the database has. A result of check mode says what would be so.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    applied: tuple[Pending, ...] = ()
    dropped: tuple[Index, ...] = ()
    invalid: tuple[Index, ...] = ()
    sql: str = ""
    seconds: float = 0.0
