"""The rows of one table, streamed from server to server: nothing is kept but one buffer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from engines.events import Emit
from engines.postgres.catalog import Table
from engines.postgres.connection import Session
from engines.postgres.errors import PostgresError

# Rows arrive one by one; sending them on in larger pieces saves most of the work.
BUFFER = 128 * 1024
# Bytes between two reports of progress.
REPORT = 16 * 1024 * 1024

_TRIGGERS = """
SELECT tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1"""
_ENABLE = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


@dataclass(frozen=True)
class Moved:
    """What was copied of a table."""

    table: Table
    rows: int
    bytes: int


def move(source: Session, target: Session, table: Table, *, replace: bool, emit: Emit) -> Moved:
    """Copy the rows of ``table`` in one transaction of the target, so that they are there all or not at all.

    ``source`` reads in its snapshot. ``replace`` deletes the target's rows first. Triggers do not fire.
    """
    with target.transaction(), _silenced(target, table):
        if replace:
            target.execute(sql.SQL("TRUNCATE ONLY {}").format(table.identifier))
        return _stream(source, target, table, emit)


def _stream(source: Session, target: Session, table: Table, emit: Emit) -> Moved:
    head, options = _statement(table)
    buffer, size, reported = bytearray(), 0, 0
    reading, writing = source.cursor(), target.cursor()
    with (
        reading.copy(head + sql.SQL(" TO STDOUT ") + options) as rows,
        writing.copy(head + sql.SQL(" FROM STDIN ") + options) as sink,
    ):
        for data in rows:
            buffer += data
            if len(buffer) >= BUFFER:
                sink.write(bytes(buffer))
                size += len(buffer)
                buffer.clear()
                if size - reported >= REPORT:
                    reported = size
                    emit("table.moving", table=str(table), bytes=size, of=table.bytes)
        sink.write(bytes(buffer))
        size += len(buffer)
    if reading.rowcount != writing.rowcount:
        raise PostgresError(
            f"{reading.rowcount} rows were read, {writing.rowcount} written", subject=str(table)
        )
    return Moved(table, writing.rowcount, size)


def _statement(table: Table) -> tuple[sql.Composed, sql.SQL]:
    """Return the start of a COPY statement and its options."""
    columns = [column for column in table.columns if not column.generated]
    head = sql.SQL("COPY {}").format(table.identifier)
    if columns:
        names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
        head += sql.SQL(" ({})").format(names)
    binary = all(column.binary for column in columns)
    return head, sql.SQL("WITH (FORMAT binary)" if binary else "WITH (FORMAT text)")


@contextmanager
def _silenced(target: Session, table: Table) -> Iterator[None]:
    """Switch the table's triggers off, and on again as they were, inside the transaction of the caller.

    Triggers come after the rows, so there are none but when a finished copy is repaired.
    """
    rows = target.execute(_TRIGGERS, [table.identifier.as_string(target)]).fetchall()
    for name, _ in rows:
        _alter(target, table, "DISABLE TRIGGER", name)
    yield
    for name, enabled in rows:
        _alter(target, table, _ENABLE[enabled], name)


def _alter(target: Session, table: Table, verb: str, trigger: str) -> None:
    statement = sql.SQL("ALTER TABLE ONLY {} {} {}")
    target.execute(statement.format(table.identifier, sql.SQL(verb), sql.Identifier(trigger)))
