"""A snapshot of tables that are locked before it is taken.

A snapshot protects from rows that others write, but not from TRUNCATE, nor from ALTER TABLE when that writes
the table anew: to a snapshot from before, such a table is empty. So the tables are locked first, in the mode
of a SELECT, and the snapshot is taken after that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from engines.postgres.catalog.relations import OWN, Name, Scope
from engines.postgres.session import BusyError, PostgresError, Session

_TABLES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND has_table_privilege(c.oid, 'SELECT') AND {OWN.format(catalog="pg_class", oid="c.oid")}
ORDER BY c.oid"""  # noqa: S608 - constants only
# Tables that are locked by one statement.
_BATCH = 500
_ATTEMPTS = 10
# Seconds to wait for a table, and to let go of all of them before the next attempt. Whoever wants one that we
# have already waits no longer for it. After a second a server looks for deadlocks, and ends one by breaking
# off either of the two: that is not to be a user's work.
_TURN, _PAUSE = 0.5, 0.2
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def locked_snapshot(session: Session, scope: Scope, *, seconds: float) -> Iterator[str]:
    """Lock the tables in ``scope``, and read from one snapshot for the length of a ``with`` block.

    Yields the name of the snapshot for other sessions. Raises ``BusyError`` when others change tables for
    longer than ``seconds``, or all the time.
    """
    name = _lock(session, scope, seconds)
    try:
        yield name
    finally:
        if not session.closed:
            session.rollback()


def _lock(session: Session, scope: Scope, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    attempts = 0
    while attempts < _ATTEMPTS:
        wanted = _tables(session, scope)
        session.execute(_BEGIN)
        try:
            session.execute(f"SET LOCAL lock_timeout = {max(1, round(min(seconds, _TURN) * 1000))}")
            _lock_tables(session, wanted)
            session.execute("SET LOCAL lock_timeout = 0")
            row = session.execute("SELECT pg_export_snapshot()").fetchone()
            if row and _tables(session, scope) == wanted:
                return str(row[0])
            attempts += 1
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            session.rollback()
            if time.monotonic() >= deadline:
                raise _busy("another session changes one of its tables", session) from error
            time.sleep(_PAUSE)
            continue
        except psycopg.errors.UndefinedTable:
            attempts += 1
        except psycopg.errors.OutOfMemory as error:
            session.rollback()
            raise PostgresError(
                f"it has no room for locks on {len(wanted)} tables",
                subject=session.info.dbname,
                remedy="Raise max_locks_per_transaction on the server, or choose fewer schemas.",
            ) from error
        except BaseException:
            if not session.closed:
                session.rollback()
            raise
        # A table was created or dropped in the meantime.
        session.rollback()
    raise _busy("its tables come and go", session)


def _tables(session: Session, scope: Scope) -> list[Name]:
    return [(row[0], row[1]) for row in session.execute(_TABLES) if scope.covers(row[0], row[1])]


def _lock_tables(session: Session, names: list[Name]) -> None:
    for start in range(0, len(names), _BATCH):
        batch = sql.SQL(", ").join(
            sql.SQL("ONLY {}").format(sql.Identifier(*name)) for name in names[start : start + _BATCH]
        )
        session.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(batch))


def _busy(what: str, session: Session) -> BusyError:
    return BusyError(
        what,
        subject=session.info.dbname,
        remedy="Wait until it has ended (pg_stat_activity shows it), then run the same command again.",
    )
