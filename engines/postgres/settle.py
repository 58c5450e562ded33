"""Small steps on the target around the rows: keys off, sequences, statistics."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from engines.postgres.catalog import ForeignKey, Sequence, Table
from engines.postgres.connection import Session
from engines.postgres.facts import Facts


def drop_keys(target: Session, keys: Iterable[ForeignKey]) -> None:
    """Drop foreign keys, all or none; the end of the restore creates them again, and checks them then."""
    with target.transaction():
        for key in keys:
            statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
            target.execute(statement.format(sql.Identifier(*key.table), sql.Identifier(key.name)))


def set_sequences(target: Session, sequences: Iterable[Sequence]) -> None:
    """Set each sequence to where it is given to stand: read after the rows, it is past all values in them."""
    with target.transaction():
        for one in sequences:
            name = sql.Identifier(one.schema, one.name).as_string(target)
            target.execute("SELECT setval(%s::regclass, %s, %s)", [name, one.last_value, one.is_called])


def analyze(target: Session, source: Facts, tables: Iterable[Table]) -> None:
    """Gather statistics of ``tables``, and of partitioned tables: autovacuum never makes theirs."""
    names: list[sql.Composable] = [table.identifier for table in tables]
    if names:
        names += [sql.SQL(key.name) for key in source.objects if key.kind == "partitioned table"]
        target.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(names)))
