"""The statements that copy chunks of tables: one transaction of the target, with its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Chunk, Table, checkpoint
from engines.postgres.plan import TriggerSwitch


@dataclass(frozen=True)
class TableChunk:
    """A chunk of a table, and what its triggers need."""

    table: Table
    chunk: Chunk
    triggers: TriggerSwitch


@dataclass(frozen=True)
class CopyStatements:
    """COPY statements in pairs, one that reads and one that writes, which are sent without a pause.

    ``before`` and ``after`` are statements in the same transaction of the target.
    """

    reading: tuple[str, ...]
    writing: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def statements(parts: Sequence[TableChunk]) -> CopyStatements:
    """Return the statements that copy ``parts``."""
    pairs = [_pair(one.table, one.chunk) for one in parts]
    return CopyStatements(
        reading=tuple(reading for reading, _ in pairs),
        writing=tuple(writing for _, writing in pairs),
        before=tuple(statement for one in parts for statement in one.triggers.off),
        after=(
            *(statement for one in parts for statement in one.triggers.on),
            checkpoint.note_parts(one.table for one in parts),
        ),
    )


def _pair(table: Table, chunk: Chunk) -> tuple[str, str]:
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
    return reading.as_string(None), writing.as_string(None)
