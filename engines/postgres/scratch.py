"""A database for a moment, on the server of another one: to try there what must not be tried on that one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from engines.postgres import replacement
from engines.postgres.session import Address, PostgresError, Session, primary

# No database of a user has such a name.
_PREFIX = "bmii_scratch_"
_LEFT = """
SELECT datname FROM pg_database d WHERE datname ~ '^bmii_scratch_[0-9a-f]{16}$'
AND pg_has_role(datdba, 'usage') AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)"""
# Held in a session with another database while one is in use, so that nobody takes it for one that was left.
_TAKE = f"SELECT pg_try_advisory_lock(hashtextextended('{_PREFIX}', 0))"


@contextmanager
def database(like: Address) -> Iterator[Address]:
    """Make an empty database like ``like``, for the length of a ``with`` block; it is dropped afterwards.

    Those that were left by a killed call are dropped, too. Raises ``PostgresError`` when none can be made.
    """
    with replacement.beside(like) as session:
        if not (session.execute(_TAKE).fetchone() or (False,))[0]:
            raise _cannot("another comparison on this server uses one now", like)
        for row in session.execute(_LEFT).fetchall():
            _drop(session, str(row[0]))
        name = f"{_PREFIX}{secrets.token_hex(8)}"
        try:
            replacement.create_like(session, name, like.database)
        except psycopg.Error as error:
            raise _cannot(primary(error), like) from error
        try:
            yield Address({**like.parameters, "dbname": name})
        finally:
            if not session.closed:
                _drop(session, name)


def _drop(session: Session, name: str) -> None:
    session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _cannot(reason: str, like: Address) -> PostgresError:
    return PostgresError(
        f"no second database can be made on its server: {reason}",
        subject=str(like),
        remedy="ALTER ROLE … CREATEDB.",
    )
