"""Splitting large tables into ranges of pages, which are copied and read in parallel.

This is the one place where a table is split: copies and checksums use it with chunks of different sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.postgres.catalog.relations import Name, Table
from engines.postgres.session import Session

# Bytes of a chunk that is copied; the size that was measured to be best.
COPY_BYTES = 64 * 1024 * 1024

# Before 14 a server reads the whole table to find the rows of a range of pages.
FINDS_RANGES = 140000

_PAGES = """
SELECT n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind = 'r' AND c.oid >= 16384 AND a.amname = 'heap' AND pg_table_size(c.oid) > %s"""


@dataclass(frozen=True)
class Chunk:
    """The rows of pages ``start`` to ``end`` (which is not in it; None means to the end of the table).

    ``bytes`` is its share of the table, an estimate.
    """

    number: int = 0
    start: int = 0
    end: int | None = None
    bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the table."""
        return not self.start and self.end is None

    @property
    def condition(self) -> str:
        """What a query of one table says to get these rows."""
        bounds = [f"ctid >= '({self.start},0)'::tid"] if self.start else []
        if self.end is not None:
            bounds.append(f"ctid < '({self.end},0)'::tid")
        return " AND ".join(bounds) or "true"


# A table in one piece, however large.
WHOLE = (Chunk(),)


def pages(session: Session) -> dict[Name, int]:
    """Return the pages of the tables that are worth splitting for a copy."""
    if session.info.server_version < FINDS_RANGES:
        return {}
    return {(row[0], row[1]): row[2] for row in session.execute(_PAGES, [COPY_BYTES])}


def to_copy(table: Table, sizes: Mapping[Name, int]) -> tuple[Chunk, ...]:
    """Return the chunks in which ``table`` is copied; ``sizes`` are pages."""
    return split(sizes.get(table.key, 0), table.bytes, COPY_BYTES)


def split(page_count: int, size: int, chunk_bytes: int) -> tuple[Chunk, ...]:
    """Cut a table of ``size`` bytes into chunks of about ``chunk_bytes``, one at least.

    No chunk has less than a page: large values live elsewhere and go with the page that refers to them. The
    last is open, so that no row can fall between.
    """
    count = max(1, min(page_count, -(-size // chunk_bytes)))
    starts = [page_count * number // count for number in range(count)]
    ends: list[int | None] = [*starts[1:], None]
    return tuple(
        Chunk(number, start, end, size // count)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
