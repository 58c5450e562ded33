"""Checkpoints of a copy, kept on the target, so that the next call knows what an earlier one has copied.

The notes are made by the very transactions that they are about, and are gone once the copy is finished. Each
transaction that brings rows leaves its number: a row that none of them wrote is somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from psycopg import sql

from engines.postgres.catalog.relations import RECORD_SCHEMA, Name, Scope, Table
from engines.postgres.session import Session

_CREATE = f"""
CREATE SCHEMA IF NOT EXISTS {RECORD_SCHEMA};
CREATE TABLE IF NOT EXISTS {RECORD_SCHEMA}.tables (
    schema text NOT NULL, name text NOT NULL, parts integer NOT NULL, PRIMARY KEY (schema, name));
CREATE TABLE IF NOT EXISTS {RECORD_SCHEMA}.parts (
    schema text NOT NULL, name text NOT NULL, transaction bigint NOT NULL);
CREATE TABLE IF NOT EXISTS {RECORD_SCHEMA}.incomplete (kind text NOT NULL, name text NOT NULL);
CREATE TABLE IF NOT EXISTS {RECORD_SCHEMA}.sequences (
    schema text NOT NULL, name text NOT NULL, last_value bigint NOT NULL);
"""

# A row keeps the lower half of the number of the transaction that wrote it.
_THIS = "(txid_current() & 4294967295)::bigint"

# ruff: noqa: S608 - the only name in these queries is a constant


@dataclass(frozen=True)
class TableCheckpoint:
    """A table whose rows a copy has begun to bring: in how many parts, and how many of them are in."""

    parts: int
    done: int

    @property
    def complete(self) -> bool:
        """Whether all parts are in."""
        return self.done >= self.parts


@dataclass(frozen=True)
class Checkpoint:
    """The notes of an unfinished copy; empty when there is none.

    ``incomplete`` are objects, as (kind, name), that a later step makes into what the source has.
    """

    exists: bool = False
    tables: Mapping[Name, TableCheckpoint] = field(default_factory=dict)
    incomplete: frozenset[tuple[str, str]] = frozenset()
    sequences: Mapping[Name, int] = field(default_factory=dict)

    def within(self, scope: Scope) -> Checkpoint:
        """Return the notes about what is in ``scope``; none when there is only something about the rest."""
        tables = {name: begun for name, begun in self.tables.items() if scope.covers(*name)}
        return replace(self, tables=tables) if tables or not self.tables else Checkpoint()


def is_there(session: Session) -> bool:
    """Return whether the database behind ``session`` is the target of an unfinished copy."""
    row = session.execute(f"SELECT to_regclass('{RECORD_SCHEMA}.parts') IS NOT NULL").fetchone()
    return bool(row and row[0])


def read(session: Session) -> Checkpoint:
    """Return the notes on the database behind ``session``."""
    if not is_there(session):
        return Checkpoint()
    tables = session.execute(
        f"SELECT t.schema, t.name, t.parts, count(p) FROM {RECORD_SCHEMA}.tables t "
        f"LEFT JOIN {RECORD_SCHEMA}.parts p USING (schema, name) GROUP BY 1, 2, 3"
    )
    begun = {(row[0], row[1]): TableCheckpoint(row[2], row[3]) for row in tables}
    incomplete = session.execute(f"SELECT kind, name FROM {RECORD_SCHEMA}.incomplete").fetchall()
    stood = session.execute(f"SELECT schema, name, last_value FROM {RECORD_SCHEMA}.sequences").fetchall()
    return Checkpoint(
        exists=True,
        tables=begun,
        incomplete=frozenset((row[0], row[1]) for row in incomplete),
        sequences={(row[0], row[1]): row[2] for row in stood},
    )


def wrote_all(session: Session, table: Table) -> bool:
    """Return whether every row of ``table`` was written by a copy that is on record."""
    query = sql.SQL(
        "SELECT NOT EXISTS (SELECT FROM ONLY {} t WHERE t.xmin::text::bigint NOT IN "
        f"(SELECT p.transaction FROM {RECORD_SCHEMA}.parts p WHERE p.schema = %s AND p.name = %s))"
    )
    row = session.execute(query.format(table.identifier), [*table.key]).fetchone()
    return bool(row and row[0])


def begin(session: Session, parts: Mapping[Name, int]) -> None:
    """Note, in the caller's transaction, that these tables hold no row now and come in so many parts."""
    session.execute(_CREATE)
    for kind in ("tables", "parts"):
        _delete(session, kind, parts)
    schemas, names = _columns(parts)
    session.execute(
        f"INSERT INTO {RECORD_SCHEMA}.tables SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[])",
        [schemas, names, list(parts.values())],
    )


def note_parts(tables: Iterable[Table]) -> str:
    """Return the statement that notes a part of each of ``tables`` in the transaction that brought them."""
    values = sql.SQL(", ").join(
        sql.SQL(f"({{}}, {{}}, {_THIS})").format(*(sql.Literal(part) for part in table.key))
        for table in tables
    )
    return sql.SQL(f"INSERT INTO {RECORD_SCHEMA}.parts VALUES {{}}").format(values).as_string(None)


def note_incomplete(kind: str, name: str) -> str:
    """Return the statement that notes an object which a later step turns into something else."""
    statement = sql.SQL(f"INSERT INTO {RECORD_SCHEMA}.incomplete VALUES ({{}}, {{}})")
    return statement.format(sql.Literal(kind), sql.Literal(name)).as_string(None)


def note_complete(kind: str, name: str) -> str:
    """Return the statement that notes that such an object has become what it was made for."""
    statement = sql.SQL(f"DELETE FROM {RECORD_SCHEMA}.incomplete WHERE kind = {{}} AND name = {{}}")
    return statement.format(sql.Literal(kind), sql.Literal(name)).as_string(None)


def note_sequences(session: Session, values: Mapping[Name, int]) -> None:
    """Note where sequences were set to: their last values."""
    schemas, names = _columns(values)
    session.execute(
        f"INSERT INTO {RECORD_SCHEMA}.sequences SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])",
        [schemas, names, list(values.values())],
    )


def forget(session: Session, scope: Scope) -> None:
    """Remove the notes about what is in ``scope``, and with the last of them all that held notes."""
    with session.transaction():
        session.execute(f"LOCK TABLE {RECORD_SCHEMA}.tables IN EXCLUSIVE MODE")
        noted = session.execute(f"SELECT schema, name FROM {RECORD_SCHEMA}.tables").fetchall()
        _delete(session, "tables", [(row[0], row[1]) for row in noted if scope.covers(row[0], row[1])])
        left = session.execute(f"SELECT count(*) FROM {RECORD_SCHEMA}.tables").fetchone()
        if left and not left[0]:
            session.execute(f"DROP SCHEMA {RECORD_SCHEMA} CASCADE")


def _delete(session: Session, kind: str, tables: Iterable[Name]) -> None:
    session.execute(
        f"DELETE FROM {RECORD_SCHEMA}.{kind} "
        "WHERE (schema, name) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        [*_columns(tables)],
    )


def _columns(names: Iterable[Name]) -> tuple[list[str], list[str]]:
    chosen = list(names)
    return [schema for schema, _ in chosen], [name for _, name in chosen]
