"""A table's fingerprint, computed inside the server: how many rows, and a sum over their hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Table
from engines.postgres.connection import Session


@dataclass(frozen=True)
class Fingerprint:
    """The number of rows and the order-independent checksum (a decimal number) of a table."""

    rows: int
    checksum: str


def fingerprint(session: Session, table: Table, columns: Iterable[str]) -> Fingerprint:
    """Return the fingerprint of ``columns`` of ``table``, in this order, without rows of inheriting tables.

    The text of a row is unambiguous (quotes and commas inside values are escaped, NULL is not an empty
    string), and equal on every version under the settings of ``engines.postgres.connection``. Hashes are
    added as ``numeric``, so that the sum cannot overflow, and a row that is there twice counts twice.
    """
    # Collation "C" makes the hash one of bytes, whatever the database's collation is.
    query = sql.SQL(
        'SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text COLLATE "C", 0)), 0)::text FROM ONLY {}'
    ).format(sql.SQL(", ").join(sql.Identifier("t", name) for name in columns), _aliased(table))
    row = session.execute(query).fetchone()
    return Fingerprint(int(row[0]), str(row[1])) if row else Fingerprint(0, "0")


def is_empty(session: Session, table: Table) -> bool:
    """Say whether ``table`` holds no row of its own."""
    query = sql.SQL("SELECT NOT EXISTS (SELECT FROM ONLY {})").format(table.identifier)
    row = session.execute(query).fetchone()
    return bool(row and row[0])


def _aliased(table: Table) -> sql.Composed:
    # Qualified columns, so that none can be taken for the row or a function of the same name.
    return sql.SQL("{} AS t").format(table.identifier)
