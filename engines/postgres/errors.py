"""What can go wrong with a database, for whoever calls this package."""

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
