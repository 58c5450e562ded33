"""How tables lie in a server: how their values are written, and the parts that can be read side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Name, Table
from engines.postgres.checksum import row_encoding
from engines.postgres.checksum.row_encoding import Form
from engines.postgres.session import Session

# A part is small enough that all jobs end at about the same time, large enough that asking costs nothing.
PART_BYTES = 32 << 20
# Before, a range of physical addresses was found by reading the whole table.
FINDS_RANGES = 140000

_RELATIONS = """
SELECT n.nspname, c.relname, pg_table_size(c.oid),
       CASE WHEN m.amname = 'heap' THEN pg_relation_size(c.oid) / current_setting('block_size')::int
            ELSE 0 END,
       array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       array(SELECT a.atttypid::bigint FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
FROM unnest(%s::text[], %s::text[]) AS w (schema, name)
JOIN pg_namespace n ON n.nspname = w.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
LEFT JOIN pg_am m ON m.oid = c.relam"""


@dataclass(frozen=True)
class TableLayout:
    """A table in one server: its size, the pages it can be split into (0: it cannot), its columns.

    ``types`` are the numbers of the columns' types, without the domains around them.
    """

    bytes: int
    pages: int
    forms: Mapping[str, Form]
    types: Mapping[str, int]


@dataclass(frozen=True)
class ScanPart:
    """The pages of ``table`` from ``first`` to before ``end`` (None: to its end), read as ``columns`` say."""

    table: Table
    columns: tuple[tuple[str, Form], ...]
    bytes: int = 0
    first: int = 0
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the table."""
        return not self.first and self.end is None

    @property
    def where(self) -> sql.Composable:
        """The condition that a row of this part meets, over the alias ``t``."""
        bounds = []
        if self.first:
            bounds.append(sql.SQL("t.ctid >= {}::tid").format(sql.Literal(f"({self.first},0)")))
        if self.end is not None:
            bounds.append(sql.SQL("t.ctid < {}::tid").format(sql.Literal(f"({self.end},0)")))
        return sql.SQL(" AND ").join(bounds) if bounds else sql.SQL("true")


def read(session: Session, tables: Iterable[Table]) -> dict[Name, TableLayout]:
    """Return the layout of those of ``tables`` that are there."""
    names = [table.key for table in tables]
    kinds = row_encoding.kinds(session)
    splits = session.info.server_version >= FINDS_RANGES
    found = {}
    for schema, name, size, pages, columns, types in session.execute(
        _RELATIONS, [[key[0] for key in names], [key[1] for key in names]]
    ):
        found[(schema, name)] = TableLayout(
            size,
            pages if splits else 0,
            {column: row_encoding.form(number, kinds) for column, number in zip(columns, types, strict=True)},
            {column: _bare(number, kinds) for column, number in zip(columns, types, strict=True)},
        )
    return found


def parts(
    table: Table, columns: Iterable[tuple[str, Form]], size: TableLayout, *, part_bytes: int = 0
) -> Iterator[ScanPart]:
    """Cut ``table`` into parts of about equal size, of which the last is open: no row can fall between."""
    chosen = tuple(columns)
    number = max(1, min(size.pages, -(-size.bytes // (part_bytes or PART_BYTES))))
    edges = [size.pages * index // number for index in range(number)]
    for first, end in zip(edges, [*edges[1:], None], strict=True):
        yield ScanPart(table, chosen, size.bytes // number, first, end)


def _bare(number: int, kinds: Mapping[int, row_encoding.Kind]) -> int:
    while number in kinds and kinds[number].kind == "d":
        number = kinds[number].inner
    return number
