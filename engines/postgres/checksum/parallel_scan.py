"""Fingerprints of many tables of two databases, read in parts by several sessions, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from psycopg import sql

from engines.postgres.catalog import Name, Table, chunks
from engines.postgres.checksum import row_encoding, table_checksum, table_layout
from engines.postgres.checksum.row_encoding import Form
from engines.postgres.checksum.scan_progress import ScanProgress
from engines.postgres.checksum.table_checksum import Fingerprint
from engines.postgres.checksum.table_layout import ScanPart, TableLayout
from engines.postgres.plan import State
from engines.postgres.session import (
    Address,
    Session,
    connection,
    map_parallel,
    run_both,
    search_path,
    translated,
)

# Tables of at most so many bytes are read together, so many in one statement, which locks them with indexes.
SMALL = 1 << 20
_TOGETHER = 50


class DatabaseSnapshot(NamedTuple):
    """A database, the exported snapshot in which it is read, and the path along which functions look.

    The path is the same on both sides: names of objects among the values are written by it.
    """

    address: Address
    snapshot: str
    path: str = ""


@dataclass(frozen=True)
class ComparableTable:
    """One table on both sides: how its rows are written, so that equal rows have equal texts."""

    table: Table
    columns: tuple[tuple[str, Form], ...]
    source: TableLayout
    target: TableLayout


@contextmanager
def reader(side: DatabaseSnapshot) -> Iterator[Session]:
    """Open a session that reads in the snapshot of ``side`` for the length of a ``with`` block.

    Its transaction stays open until the end.
    """
    with connection.session(side.address, read_only=True) as opened:
        # Compiling costs more than it saves; and where a table is read in parts, those are the workers.
        alone = opened.info.server_version >= chunks.FINDS_RANGES
        settings = ("SET jit = off", "SET max_parallel_workers_per_gather = 0" if alone else "")
        opened.execute("; ".join((search_path.setting(side.path), *settings)))
        with connection.snapshot(opened, side.snapshot):
            yield opened


def comparable_tables(
    source: DatabaseSnapshot, target: DatabaseSnapshot, tables: Iterable[Table]
) -> dict[Name, ComparableTable]:
    """Return how to read ``tables``, which both sides have with all columns."""
    chosen = list(tables)

    def layouts(side: DatabaseSnapshot) -> dict[Name, TableLayout]:
        with reader(side) as session:
            return table_layout.read(session, chosen)

    on_source, on_target = run_both(lambda: layouts(source), lambda: layouts(target))
    found = {}
    for table in chosen:
        source_layout, target_layout = on_source[table.key], on_target[table.key]
        columns = tuple(
            (
                column.name,
                row_encoding.common(source_layout.forms[column.name], target_layout.forms[column.name]),
            )
            for column in table.columns
        )
        found[table.key] = ComparableTable(table, columns, source_layout, target_layout)
    return found


def scan(
    side: DatabaseSnapshot, parts: Iterable[ScanPart], query: Callable[[ScanPart], sql.Composed], *, jobs: int
) -> list[tuple[ScanPart, list[tuple[Any, ...]]]]:
    """Run ``query`` of every part, in their order, in ``jobs`` sessions; return the rows of each."""
    alone = [(part,) for part in parts]
    found = _scan(side, alone, lambda batch: query(batch[0]), jobs=jobs)
    return [(batch[0], rows) for batch, rows in found]


_Batch: TypeAlias = tuple[ScanPart, ...]


def _scan(
    side: DatabaseSnapshot,
    batches: Iterable[_Batch],
    query: Callable[[_Batch], sql.Composed],
    *,
    jobs: int,
    done: Callable[[_Batch], None] = lambda _: None,
) -> list[tuple[_Batch, list[tuple[Any, ...]]]]:
    """Do the same with batches of parts; ``done`` is called after each, from the threads that read them."""

    def work(session: Session, batch: _Batch) -> tuple[_Batch, list[tuple[Any, ...]]]:
        # The lock on a table in parts is kept, so that it cannot be rewritten, which moves rows to other
        # parts. The others are released, with those on indexes: a server has room for few thousand locks.
        kept: AbstractContextManager[object] = (
            nullcontext() if not batch[0].chunk.is_whole else session.transaction(force_rollback=True)
        )
        more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        with translated(f"{side.address} {batch[0].table}{more}"), kept:
            rows = session.execute(query(batch)).fetchall()
        done(batch)
        return batch, rows

    return map_parallel(batches, work, sessions=lambda: reader(side), jobs=jobs)


def fingerprints(side: DatabaseSnapshot, tables: Iterable[Table], *, jobs: int) -> dict[Name, Fingerprint]:
    """Return the fingerprint of each table of one database, over its columns as given."""
    chosen = list(tables)
    if not chosen:
        return {}
    with reader(side) as session:
        found = table_layout.read(session, chosen)
    known = {
        table.key: (
            table,
            tuple((column.name, found[table.key].forms[column.name]) for column in table.columns),
            found[table.key],
        )
        for table in chosen
    }
    return _measure(side, known.values(), jobs=jobs)


def both_sides(
    source: DatabaseSnapshot, target: DatabaseSnapshot, tables: Iterable[Table], *, jobs: int
) -> tuple[dict[Name, Fingerprint], dict[Name, Fingerprint]]:
    """Return the fingerprints of ``tables`` in the source and in the target, computed at the same time."""
    return of_tables(source, target, comparable_tables(source, target, tables).values(), jobs=jobs)


def of_tables(
    source: DatabaseSnapshot, target: DatabaseSnapshot, known: Iterable[ComparableTable], *, jobs: int
) -> tuple[dict[Name, Fingerprint], dict[Name, Fingerprint]]:
    """Return the fingerprints of tables whose encoding is known, in the source and in the target."""
    chosen = list(known)
    progress = ScanProgress(sum(one.source.bytes + one.target.bytes for one in chosen))
    sides = (
        (source, [(one.table, one.columns, one.source) for one in chosen]),
        (target, [(one.table, one.columns, one.target) for one in chosen]),
    )
    return run_both(
        lambda: _measure(*sides[0], jobs=jobs, progress=progress),
        lambda: _measure(*sides[1], jobs=jobs, progress=progress),
    )


def _measure(
    side: DatabaseSnapshot,
    known: Iterable[tuple[Table, tuple[tuple[str, Form], ...], TableLayout]],
    *,
    jobs: int,
    progress: ScanProgress | None = None,
) -> dict[Name, Fingerprint]:
    largest_first = sorted(known, key=lambda one: -one[2].bytes)
    parts = {one[0].key: list(table_layout.parts(*one)) for one in largest_first}
    sizes = {one[0].key: one[2].bytes / max(1, len(parts[one[0].key])) for one in largest_first}

    def done(batch: _Batch) -> None:
        if progress is not None:
            progress.add(sum(sizes[part.table.key] for part in batch))

    found: dict[Name, Fingerprint] = {}
    batches = _batches([part for several in parts.values() for part in several], sizes, jobs=jobs)
    for batch, rows in _scan(side, batches, table_checksum.measured_together, jobs=jobs, done=done):
        for number, count, checksum in rows:
            key = batch[number].table.key
            found[key] = found.get(key, table_checksum.NOTHING) + Fingerprint(int(count), str(checksum))
    return found


def _batches(parts: Iterable[ScanPart], sizes: Mapping[Name, float], *, jobs: int) -> list[_Batch]:
    """Return ``parts`` in their order, small tables several at a time."""
    chosen = list(parts)
    small = [part for part in chosen if part.chunk.is_whole and sizes[part.table.key] <= SMALL]
    large = [(part,) for part in chosen if not (part.chunk.is_whole and sizes[part.table.key] <= SMALL)]
    together = max(1, min(_TOGETHER, -(-len(small) // (2 * jobs))))
    return [*large, *(tuple(small[start : start + together]) for start in range(0, len(small), together))]


def states(
    tables: Iterable[Table],
    comparable: Mapping[Name, Table],
    empty: frozenset[Name],
    measured: tuple[Mapping[Name, Fingerprint], Mapping[Name, Fingerprint]],
) -> dict[Name, State]:
    """Return how each source table's rows compare with the target's.

    ``comparable`` are the tables that both sides have with all columns, ``empty`` those without a row on the
    target, ``measured`` the fingerprints of the source and of the target for the rest.
    """
    found: dict[Name, State] = {}
    for table in tables:
        if table.key not in comparable:
            found[table.key] = "absent"
        elif table.key in empty:
            found[table.key] = "empty"
        else:
            equal = measured[0][table.key] == measured[1][table.key]
            found[table.key] = "equal" if equal else "differs"
    return found


def shared(source: Iterable[Table], target: Iterable[Table]) -> dict[Name, Table]:
    """Return the source's tables that the target has too, with every column."""
    columns = {table.key: {column.name for column in table.columns} for table in target}
    return {
        table.key: table
        for table in source
        if table.key in columns and {column.name for column in table.columns} <= columns[table.key]
    }
