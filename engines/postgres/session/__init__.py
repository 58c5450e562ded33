"""Sessions with a server: addresses, settings, errors, locks, and the client programs."""

from __future__ import annotations

from engines.postgres.session import (
    advisory_lock,
    asyncpg_params,
    client_tools,
    connection,
    search_path,
    settings,
    silence,
)
from engines.postgres.session.advisory_lock import exclusive
from engines.postgres.session.client_tools import Programs, environment
from engines.postgres.session.connection import Address, Session, parse, session
from engines.postgres.session.errors import (
    LOCKED,
    AbsentError,
    BusyError,
    NotEqualError,
    PostgresError,
    SchemaDiffersError,
    UnreachableError,
    connecting,
    pooled,
    primary,
    refusal,
    silent,
    translated,
)
from engines.postgres.session.pipeline import answers
from engines.postgres.session.resolve_target import resolve_address, resolve_target, via
from engines.postgres.session.threads import map_parallel, run_both

__all__ = [
    "LOCKED",
    "AbsentError",
    "Address",
    "BusyError",
    "NotEqualError",
    "PostgresError",
    "Programs",
    "SchemaDiffersError",
    "Session",
    "UnreachableError",
    "advisory_lock",
    "answers",
    "asyncpg_params",
    "client_tools",
    "connecting",
    "connection",
    "environment",
    "exclusive",
    "map_parallel",
    "parse",
    "pooled",
    "primary",
    "refusal",
    "resolve_address",
    "resolve_target",
    "run_both",
    "search_path",
    "session",
    "settings",
    "silence",
    "silent",
    "translated",
    "via",
]
