"""The rows of a table, part by part: each in one transaction of the target, with a note of it."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Chunk, Table, checkpoint
from engines.postgres.copy.copy_stream import CopyStatements
from engines.postgres.session import Session

_TRIGGERS = """
SELECT tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1"""
_ENABLE = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


@dataclass(frozen=True)
class CopiedTable:
    """What was copied of a table."""

    table: Table
    rows: int
    bytes: int


@dataclass(frozen=True)
class TriggerSwitch:
    """Statements that switch a table's triggers off, and on again as they were."""

    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()


TRIGGERS_ON = TriggerSwitch()


def silence(target: Session, table: Table) -> TriggerSwitch:
    """Return what keeps the triggers of ``table`` from firing.

    Triggers come after the rows, so there are none but when a finished copy is repaired.
    """
    rows = target.execute(_TRIGGERS, [table.identifier.as_string(target)]).fetchall()
    return TriggerSwitch(
        tuple(_alter(table, "DISABLE TRIGGER", name) for name, _ in rows),
        tuple(_alter(table, _ENABLE[enabled], name) for name, enabled in rows),
    )


def way(table: Table, part: Chunk, quiet: TriggerSwitch) -> CopyStatements:
    """Return how one part of ``table`` gets from server to server."""
    columns = [column for column in table.columns if not column.generated]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    query = sql.SQL("SELECT {} FROM ONLY {}").format(names, table.identifier)
    if part.condition:
        query += sql.SQL(" WHERE " + part.condition)
    form = sql.SQL("binary" if all(column.binary for column in columns) else "text")
    into = sql.SQL(" ({})").format(names) if columns else sql.SQL("")
    reading = sql.SQL("COPY ({}) TO STDOUT (FORMAT {})").format(query, form)
    writing = sql.SQL("COPY {}{} FROM STDIN (FORMAT {})").format(table.identifier, into, form)
    return CopyStatements(
        reading=reading.as_string(None),
        writing=writing.as_string(None),
        before=quiet.off,
        after=(*quiet.on, checkpoint.note_part(table)),
    )


def _alter(table: Table, verb: str, trigger: str) -> str:
    statement = sql.SQL("ALTER TABLE ONLY {} {} {}")
    return statement.format(table.identifier, sql.SQL(verb), sql.Identifier(trigger)).as_string(None)
