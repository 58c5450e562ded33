"""The errors of this package, for its callers."""

from __future__ import annotations

from engines.postgres.session import (
    AbsentError,
    BusyError,
    NotEqualError,
    PostgresError,
    SchemaDiffersError,
    UnreachableError,
)

__all__ = [
    "AbsentError",
    "BusyError",
    "NotEqualError",
    "PostgresError",
    "SchemaDiffersError",
    "UnreachableError",
]
