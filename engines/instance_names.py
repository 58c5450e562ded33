"""Names of the RDS instances that a rollback creates; the name says what an instance is for.

A module of its own, so that a teardown can recognise them without importing the rollback.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_STAMP = "%y%m%d-%H%M%S"


def restored_name(name: str, moment: datetime) -> str:
    """Return what the instance is called that ``name`` is restored to as of ``moment``; always the same."""
    return f"{name}-pit-{moment.astimezone(UTC):{_STAMP}}"


def kept_name(name: str, now: datetime) -> str:
    """Return the name under which the present instance ``name`` is kept when another takes its place."""
    return f"{name}-before-{now.astimezone(UTC):{_STAMP}}"


def is_made_by_rollback(instance: str, name: str) -> bool:
    """Return whether ``instance`` is called as those are that a rollback of ``name`` makes."""
    return bool(re.fullmatch(rf"{re.escape(name)}-(pit|before)-\d{{6}}-\d{{6}}", instance))
