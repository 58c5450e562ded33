"""Large tables in parts of about equal size, by the place of the rows: several can travel at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.postgres.catalog.relations import Name, Table
from engines.postgres.session import Session

# Bytes of a part; the size that was measured to be best.
PART = 64 * 1024 * 1024

# Before 14 a server reads the whole table to find the rows of a range of places.
_CAN_READ_RANGES = 140000

_PAGES = """
SELECT n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind = 'r' AND c.oid >= 16384 AND a.amname = 'heap' AND pg_table_size(c.oid) > %s"""


@dataclass(frozen=True)
class Chunk:
    """The rows of pages ``start`` to ``end`` (which is not in it; None means to the end of the table).

    ``bytes`` is its share of the table, an estimate.
    """

    number: int
    start: int
    end: int | None
    bytes: int

    @property
    def condition(self) -> str:
        """What a query says to get these rows; empty when they are all of the table."""
        lines = [f"ctid >= '({self.start},0)'::tid"] if self.start else []
        if self.end is not None:
            lines.append(f"ctid < '({self.end},0)'::tid")
        return " AND ".join(lines)


# A table in one piece, however large.
WHOLE = (Chunk(0, 0, None, 0),)


def pages(session: Session) -> dict[Name, int]:
    """Return the pages of the tables that are worth splitting."""
    if session.info.server_version < _CAN_READ_RANGES:
        return {}
    return {(row[0], row[1]): row[2] for row in session.execute(_PAGES, [PART])}


def split(table: Table, sizes: Mapping[Name, int]) -> tuple[Chunk, ...]:
    """Return the parts of ``table``, one at least; ``sizes`` are pages.

    No part has less than a page: large values live elsewhere and go with the page that refers to them.
    """
    known = sizes.get(table.key, 0)
    count = max(1, min(known, -(-table.bytes // PART)))
    starts = [known * number // count for number in range(count)]
    ends: list[int | None] = [*starts[1:], None]
    return tuple(
        Chunk(number, start, end, table.bytes // count)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
