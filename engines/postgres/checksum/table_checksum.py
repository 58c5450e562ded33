"""A table's fingerprint, computed inside the server: how many rows, and a sum over their hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Name, Table
from engines.postgres.checksum import table_layout
from engines.postgres.checksum.row_encoding import row_hash, row_text
from engines.postgres.checksum.table_layout import ScanPart
from engines.postgres.session import Session

# Kept with each result: sums of one name can be compared, also years apart.
ALGORITHM = "sum of hashtextextended(row text, 0), row text 2"

# How many tables are asked about at once: each statement locks them with their indexes.
_BATCH = 50


@dataclass(frozen=True)
class Fingerprint:
    """The number of rows and the order-independent checksum (a decimal number) of a table."""

    rows: int
    checksum: str

    def __add__(self, other: Fingerprint) -> Fingerprint:
        """Both together: the fingerprint of a whole is the sum of those of its parts."""
        return Fingerprint(self.rows + other.rows, str(int(self.checksum) + int(other.checksum)))


NOTHING = Fingerprint(0, "0")

# A sum of 64-bit numbers is a numeric in PostgreSQL: it cannot overflow, and a row that is there twice
# counts twice.
MEASURES = sql.SQL("count(*), coalesce(sum({}), 0)::text")


def measured(part: ScanPart) -> sql.Composed:
    """Return the query of the fingerprint of ``part``, without rows of inheriting tables."""
    return sql.SQL("SELECT {} FROM ONLY {} AS t WHERE {}").format(
        MEASURES.format(row_hash(row_text(part.columns))), part.table.identifier, part.where
    )


def measured_together(parts: Iterable[ScanPart]) -> sql.Composed:
    """Return the query of the fingerprints of ``parts``, each after its number."""
    return sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, m.* FROM ({}) m").format(sql.Literal(number), measured(part))
        for number, part in enumerate(parts)
    )


def fingerprint(session: Session, table: Table, columns: Iterable[str]) -> Fingerprint:
    """Return the fingerprint of ``columns`` of ``table``, in this order, in one piece.

    Comparable with another server's where the types of the columns are the same: see ``measure``.
    """
    forms = table_layout.read(session, [table])[table.key].forms
    row = session.execute(
        measured(ScanPart(table, tuple((name, forms[name]) for name in columns)))
    ).fetchone()
    return Fingerprint(int(row[0]), str(row[1])) if row else NOTHING


def empty(session: Session, tables: Iterable[Table]) -> frozenset[Name]:
    """Return which of ``tables`` hold no row of their own."""
    chosen = list(tables)
    found: set[Name] = set()
    for start in range(0, len(chosen), _BATCH):
        queries = (
            sql.SQL("SELECT {} WHERE NOT EXISTS (SELECT FROM ONLY {})").format(
                sql.Literal(number), table.identifier
            )
            for number, table in enumerate(chosen[start : start + _BATCH], start)
        )
        rows = session.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()
        found |= {chosen[int(row[0])].key for row in rows}
    return frozenset(found)
