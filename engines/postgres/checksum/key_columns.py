"""The key that identifies rows of a table, and an order of its values that is the same on every server."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from engines.postgres.checksum.parallel_scan import ComparableTable
from engines.postgres.session import Session

# A primary key, else the shortest unique index over columns that are never NULL.
_KEY = """
SELECT array(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
             WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND i.indisunique AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND NOT a.attnotnull
                  AND a.attnum = ANY (i.indkey::int2[]))
ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1"""

# Types whose values have the same order in every database; strings are put in the order of their bytes.
_ORDERED = {
    20: "bigint",
    21: "smallint",
    23: "integer",
    26: "oid",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
    2950: "uuid",
    25: "text",
    1043: "text",
}
_WHOLE = {20, 21, 23}


@dataclass(frozen=True)
class LeadingColumn:
    """The first column of a key as something to order by, and the type it is ordered as."""

    column: str
    type: str

    @property
    def expression(self) -> sql.Composable:
        """The value over the alias ``t``, in an order that does not depend on the database's collation."""
        cast = sql.SQL("{}::" + self.type).format(sql.Identifier("t", self.column))
        return sql.SQL('{} COLLATE "C"').format(cast) if self.type == "text" else cast


def columns(session: Session, table: ComparableTable) -> tuple[str, ...]:
    """Return the columns of the key of a table, none when it has no key."""
    row = session.execute(_KEY, table.table.key).fetchone()
    known = {column.name for column in table.table.columns}
    return tuple(row[0]) if row and known.issuperset(row[0]) else ()


def leading(table: ComparableTable, key: tuple[str, ...]) -> LeadingColumn | None:
    """Return how the table's rows can be put in order by the first column of ``key``, if they can."""
    if not key:
        return None
    source_type, target_type = table.source.types[key[0]], table.target.types[key[0]]
    comparable = source_type == target_type or {source_type, target_type} <= _WHOLE
    return (
        LeadingColumn(key[0], _ORDERED[max(source_type, target_type, key=_width)])
        if comparable and source_type in _ORDERED
        else None
    )


def _width(number: int) -> int:
    # Of the whole numbers the widest holds the others.
    return {21: 0, 23: 1, 20: 2}.get(number, 0)
