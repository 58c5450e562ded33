"""A fresh database in the place of one that nobody was served by: what was there is kept under another name.

Rows cannot be copied into a later schema, so that a target whose source has moved on is copied anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from psycopg import sql
from psycopg.errors import DuplicateDatabase, InsufficientPrivilege, ObjectInUse

from engines.postgres.session import (
    AbsentError,
    Address,
    BusyError,
    PostgresError,
    Session,
    connection,
    translated,
)

PURPOSE = "bmii-migrate replacement"
# To rename a database one has to be connected to another; a server has at least one of these.
_OTHERS = ("postgres", "template1")
_FRESH, _ASIDE = "_migrate_fresh", "_replaced_"
_LONGEST_NAME = 63
# Seconds until others have gone: a task of the service that was stopped may take 30 to end.
_PATIENCE = 45.0
_TRIES = 5  # a pool may connect again between the end of its sessions and the rename

_LIKE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba),
       to_jsonb(d) ->> 'datlocprovider', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
FROM pg_database d WHERE datname = %s"""
# Who sorts texts, where that is not the C library.
_PROVIDERS = {
    "i": sql.SQL(" LOCALE_PROVIDER icu ICU_LOCALE {}"),
    "b": sql.SQL(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}"),
}
_SESSIONS = """
SELECT pid, coalesce(nullif(application_name, ''), 'a session'), usename FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND usename IS NOT NULL"""
# Sessions of this project are from a killed run: the running one holds the ledger's lock.
_END_OURS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND application_name LIKE 'bmii-migrate%%'"""
# A number of the server that its copies share, and one of the database that no other of the server ever has.
_IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid
FROM pg_database WHERE datname = ANY (%s)"""
_HOLDS_SOMETHING = """
SELECT EXISTS (
  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))"""
_KEPT = "SELECT datname FROM pg_database WHERE datname ~ %s ORDER BY datname"


def set_aside(target: Address) -> str:
    """Put a fresh database in the place of ``target``; return the name under which the former one is kept.

    Both are renamed in one transaction. Who is still connected after a patience is disconnected; raises
    ``BusyError`` while somebody is whom our role may not disconnect.
    """
    name = target.database
    aside = f"{name[: _LONGEST_NAME - 24]}{_ASIDE}{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    with beside(target) as session:
        fresh = _make_fresh(session, name)
        if not _are_gone(session, name):
            _end_all(session, name)
        for more in reversed(range(_TRIES)):
            try:
                with session.transaction():
                    session.execute(_rename(name, aside))
                    session.execute(_rename(fresh, name))
                break
            except ObjectInUse as error:
                if not more:
                    raise _busy(session, name, target) from error
                _end_all(session, name)
    return aside


def kept(target: Address) -> list[str]:
    """Return the names of the databases that were set aside, the oldest first."""
    pattern = f"^{re.escape(target.database[: _LONGEST_NAME - 24])}{_ASIDE}[0-9]{{14}}$"
    with beside(target) as session:
        return [str(row[0]) for row in session.execute(_KEPT, [pattern])]


def identity(target: Address) -> str:
    """Return what tells the database from any other, one of its name included; empty if it is not told."""
    return next(iter(_identities(target, [target.database])), "")


def lineage(target: Address) -> list[str]:
    """Return the identities of the databases in whose place ``target`` has come."""
    return _identities(target, kept(target))


def is_empty(target: Address) -> bool:
    """Return whether it holds nothing but what extensions bring."""
    with connection.session(target, read_only=True, purpose=PURPOSE) as session:
        row = session.execute(_HOLDS_SOMETHING).fetchone()
    return row is not None and not row[0]


def _identities(target: Address, names: list[str]) -> list[str]:
    with beside(target) as session:
        try:
            return [str(row[0]) for row in session.execute(_IDENTITY, [names])]
        except InsufficientPrivilege:
            return []


def drop(target: Address, names: list[str]) -> None:
    """Drop databases that were set aside; others than those that ``kept`` names raise ``KeyError``."""
    known = dict.fromkeys(kept(target))
    with beside(target) as session:
        for name in names:
            known.pop(name)
            if not _are_gone(session, name):
                raise _busy(session, name, target)
            session.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _make_fresh(session: Session, name: str) -> str:
    """Make the database that will take the place, or take the one that a killed run has made."""
    fresh = f"{name[: _LONGEST_NAME - len(_FRESH)]}{_FRESH}"
    with suppress(DuplicateDatabase):
        create_like(session, fresh, name)
    return fresh


def create_like(session: Session, fresh: str, name: str) -> None:
    """Make the empty database ``fresh`` with encoding, locale and owner of the database ``name``."""
    row = session.execute(_LIKE, [name]).fetchone()
    usual = ("UTF8", "C", "C", session.info.user, "c", None)
    encoding, collation, character_type, owner, provider, locale = row or usual
    statement = sql.SQL(
        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    ).format(
        sql.Identifier(fresh),
        sql.Identifier(owner),
        sql.Literal(encoding),
        sql.Literal(collation),
        sql.Literal(character_type),
    )
    if provider in _PROVIDERS:
        statement += _PROVIDERS[provider].format(sql.Literal(locale))
    session.execute(statement)


def _rename(name: str, to: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))


def _are_gone(session: Session, name: str) -> bool:
    """End our own sessions, and return whether the others have gone within the patience."""
    session.execute(_END_OURS, [name])
    deadline = time.monotonic() + _PATIENCE
    while session.execute(_SESSIONS, [name]).fetchone():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _end_all(session: Session, name: str) -> None:
    """End every session that our role may end: they are of a trial or a release that served nobody.

    One of those that a killed run has left runs on, and its pool connects again; to rename the database keeps
    it out, so that the rename has to follow at once.
    """
    for pid, *_ in session.execute(_SESSIONS, [name]).fetchall():
        with suppress(InsufficientPrivilege):
            session.execute("SELECT pg_terminate_backend(%s)", [pid])


def _busy(session: Session, name: str, target: Address) -> BusyError:
    found = [f"{row[1]} of {row[2]} (process {row[0]})" for row in session.execute(_SESSIONS, [name])]
    return BusyError(
        f"it is to be copied anew, and somebody is connected: {'; '.join(found) or 'they have just gone'}",
        subject=str(target),
        remedy="End these sessions, then run the same command again.",
    )


@contextmanager
def beside(target: Address) -> Iterator[Session]:
    """Open a session with another database of the same server for the length of a ``with`` block."""
    for name in _OTHERS:
        address = Address({**target.parameters, "dbname": name})
        try:
            opened = connection.connect(address, purpose=PURPOSE)
        except AbsentError:
            continue
        with closing(opened), translated(str(target)):
            yield opened
        return
    raise PostgresError(
        f"its server has no database {' or '.join(_OTHERS)}, from which another one could be made",
        subject=str(target),
        remedy="Create the database postgres.",
    )
