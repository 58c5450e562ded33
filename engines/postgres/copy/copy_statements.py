"""The statements that copy a chunk of a table: one transaction of the target, with its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Chunk, Table, checkpoint
from engines.postgres.plan import TriggerSwitch


@dataclass(frozen=True)
class CopyStatements:
    """Two COPY statements, the one that reads and the one that writes.

    ``before`` and ``after`` are statements in the same transaction of the target.
    """

    reading: str
    writing: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def statements(table: Table, chunk: Chunk, triggers: TriggerSwitch) -> CopyStatements:
    """Return the statements that copy ``chunk`` of ``table``."""
    columns = [column for column in table.columns if not column.generated]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    values = sql.SQL(", ").join(
        sql.SQL("{}::pg_catalog.text" if column.as_text else "{}").format(sql.Identifier(column.name))
        for column in columns
    )
    query = sql.SQL("SELECT {} FROM ONLY {}").format(values, table.identifier)
    if not chunk.is_whole:
        query += sql.SQL(" WHERE " + chunk.condition)
    form = sql.SQL("binary" if all(column.binary for column in columns) else "text")
    into = sql.SQL(" ({})").format(names) if columns else sql.SQL("")
    reading = sql.SQL("COPY ({}) TO STDOUT (FORMAT {})").format(query, form)
    writing = sql.SQL("COPY {}{} FROM STDIN (FORMAT {})").format(table.identifier, into, form)
    return CopyStatements(
        reading=reading.as_string(None),
        writing=writing.as_string(None),
        before=triggers.off,
        after=(*triggers.on, checkpoint.note_part(table)),
    )
