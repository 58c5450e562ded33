"""Functions that find what they name along the search path, which our sessions leave empty.

With an empty path the servers write every name with its schema. But a function whose body names a table
without one does not find it then, neither when rows come in (a generated column, a domain, a condition) nor
when an index is built or a view filled. Such work is done along the path that the source's own sessions have.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from engines.postgres.session.connection import Session

# What a server says when a name was not found.
NOT_FOUND = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidSchemaName,
)

# The source's user stands for himself: on the target another one works.
_EXPECTED = """
SELECT replace(reset_val, '"$user"', quote_ident(current_user)) FROM pg_settings WHERE name = 'search_path'"""

# How the scripts of pg_restore begin.
_EMPTY = "SELECT pg_catalog.set_config('search_path', '', false);\n"


def expected(session: Session) -> str:
    """Return the path of a session with the database behind ``session`` that sets none itself."""
    row = session.execute(_EXPECTED).fetchone()
    return str(row[0]) if row else ""


def setting(path: str) -> str:
    """Return the statement that makes ``path`` the session's."""
    return sql.SQL("SELECT pg_catalog.set_config('search_path', {}, false)").format(path).as_string(None)


@contextmanager
def along(session: Session, path: str) -> Iterator[None]:
    """Work along ``path`` for the length of a ``with`` block; a transaction that fails forgets it itself."""
    session.execute(setting(path))
    try:
        yield
    finally:
        if session.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            session.execute(setting(""))


def script_along(script: str, path: str) -> str:
    """Return ``script``, which begins with an empty path, with ``path`` instead."""
    return f"{setting(path)};\n{script.replace(_EMPTY, '', 1)}"
