"""The layout of tables on a server: how values are encoded, and the parts that can be read in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import Chunk, Name, Table, chunks
from engines.postgres.checksum import row_encoding
from engines.postgres.checksum.row_encoding import Form
from engines.postgres.session import Session

# A part is small enough that all jobs end at about the same time, large enough that asking costs nothing.
PART_BYTES = 32 << 20

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
    """A chunk of ``table``, read as ``columns`` say."""

    table: Table
    columns: tuple[tuple[str, Form], ...]
    chunk: Chunk = Chunk()  # noqa: RUF009 - frozen

    @property
    def where(self) -> sql.Composable:
        """The condition that a row of this part meets."""
        return sql.SQL(self.chunk.condition)


def read(session: Session, tables: Iterable[Table]) -> dict[Name, TableLayout]:
    """Return the layout of those of ``tables`` that are there."""
    names = [table.key for table in tables]
    kinds = row_encoding.kinds(session)
    splits = session.info.server_version >= chunks.FINDS_RANGES
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
    """Return the parts in which ``table`` is read."""
    chosen = tuple(columns)
    for chunk in chunks.split(size.pages, size.bytes, part_bytes or PART_BYTES):
        yield ScanPart(table, chosen, chunk)


def _bare(number: int, kinds: Mapping[int, row_encoding.Kind]) -> int:
    while number in kinds and kinds[number].kind == "d":
        number = kinds[number].inner
    return number
