"""Proof that two databases hold the same: rows, sequences and schema objects. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg import sql

from engines.errors import ConfigurationError
from engines.postgres import large_objects
from engines.postgres.catalog import (
    REVISION_TABLE,
    Database,
    Name,
    SchemaDifference,
    Scope,
    Sequence,
    Table,
    relations,
)
from engines.postgres.checksum import ComparableTable, DatabaseSnapshot, Fingerprint, parallel_scan
from engines.postgres.diff import (
    Comparison,
    LargeObjectsResult,
    NotCompared,
    SequenceResult,
    TableResult,
    View,
    bisect,
    definition_aliases,
    materialized_views,
)
from engines.postgres.plan import Inspection, clone_plan, inspection
from engines.postgres.session import Address, NotEqualError, Session, connection, search_path, translated

PURPOSE = "bmii-migrate pg_compare"
_SHOWN = 10
# Tables of which it is told where they differ, the smallest first.
NARROWED = 20


@dataclass(frozen=True)
class _Ends:
    """Both databases, each with a session in a snapshot that others join."""

    ours: Session
    theirs: Session
    source: DatabaseSnapshot
    target: DatabaseSnapshot


@dataclass(frozen=True)
class _Chosen:
    """What both databases hold, and which of it is compared."""

    found: Inspection
    left: Database
    right: Database
    views: Mapping[Name, View]
    upgraded: bool
    not_compared: tuple[NotCompared, ...]


def compare(
    source: Address,
    target: Address,
    *,
    schemas: Iterable[str] = (),
    exclude_tables: Iterable[str] = (),
    jobs: int = 2,
    expect_upgraded: bool = True,
    examples: int = _SHOWN,
) -> Comparison:
    """Compare both databases, each in one snapshot, over the tables and columns that the source has.

    ``expect_upgraded`` sets what Alembic revisions changed apart, when the target is at another revision.
    ``examples`` are how many differing ranges and rows are named of each table; 0 does not look for any.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    with _ends(source, target) as ends:
        chosen = _choose(ends, schemas, exclude_tables, expect_upgraded=expect_upgraded)
        tables, views = _rows(ends, chosen, jobs=jobs, examples=examples)
        objects = _large_objects(ends, chosen.found.scope)
        snapshots = (_snapshot(ends.ours), _snapshot(ends.theirs))
    found = clone_plan.compare_objects(chosen.left, chosen.right)
    return Comparison(
        source=chosen.left,
        target=chosen.right,
        tables=tables,
        views=views,
        sequences=tuple(_sequences(chosen.found, chosen.right.sequences)),
        large_objects=objects,
        schema=SchemaDifference() if chosen.upgraded else found,
        by_upgrade=found if chosen.upgraded else SchemaDifference(),
        upgraded=chosen.upgraded,
        not_compared=chosen.not_compared,
        snapshots=snapshots,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
    )


def require_equal(found: Comparison, target: Address) -> None:
    """Raise ``NotEqualError`` unless both sides are equal."""
    lines = found.differences()
    if lines:
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        count = "1 difference" if len(lines) == 1 else f"{len(lines)} differences"
        raise NotEqualError(
            f"it is not equal to the source, {count}: {'; '.join(lines[:_SHOWN])}{more}",
            subject=str(target),
            remedy="Nothing was changed. If the source took writes in between, stop them and copy again.",
            details=lines,
        )


@contextmanager
def _ends(source: Address, target: Address) -> Iterator[_Ends]:
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as ours,
        connection.session(target, read_only=True, purpose=PURPOSE) as theirs,
        connection.snapshot(ours) as here,
        connection.snapshot(theirs) as there,
    ):
        path = search_path.expected(ours)
        yield _Ends(ours, theirs, DatabaseSnapshot(source, here, path), DatabaseSnapshot(target, there, path))


def _choose(
    ends: _Ends, schemas: Iterable[str], exclude_tables: Iterable[str], *, expect_upgraded: bool
) -> _Chosen:
    scope = relations.scope(ends.ours, schemas, exclude_tables)
    found = inspection.read(ends.ours, ends.theirs, scope, by_anyone=True)
    left, right = found.source, found.target
    _check_encoding(left, right)
    upgraded = expect_upgraded and bool(right.revision) and left.revision != right.revision
    if upgraded:
        left = replace(left, tables=tuple(one for one in left.tables if one.name != REVISION_TABLE))
    ours, theirs = (materialized_views.read(session, scope) for session in (ends.ours, ends.theirs))
    views = materialized_views.common(ours, theirs, same_query=upgraded)
    _hold(ends.ours, left.tables)
    _hold(ends.theirs, right.tables)
    aside = [NotCompared(one.kind, one.name, one.reason) for one in found.not_copied]
    aside += _set_aside(left, right, scope, upgraded=upgraded)
    reason = "it is not filled, or defined in another way, on one side"
    aside += [
        NotCompared("rows of materialized view", ".".join(key), reason)
        for key in sorted({*ours, *theirs} - {*views})
    ]
    return _Chosen(found, left, right, views, upgraded, tuple(aside))


def _rows(
    ends: _Ends, chosen: _Chosen, *, jobs: int, examples: int
) -> tuple[tuple[TableResult, ...], tuple[TableResult, ...]]:
    """Compare the rows of tables and of materialised views."""
    shared = parallel_scan.shared(chosen.left.tables, chosen.right.tables)
    filled = [view.table for view in chosen.views.values()]
    known = parallel_scan.shapes(ends.source, ends.target, [*shared.values(), *filled])
    # What the target lacks is counted on the source all the same: the report says what would be lost.
    missing = [table for table in chosen.left.tables if table.key not in shared]
    ours_only = parallel_scan.fingerprints(ends.source, missing, jobs=jobs)
    here, there = parallel_scan.of_shapes(ends.source, ends.target, known.values(), jobs=jobs)
    tables = {
        table.key: TableResult(str(table), (here | ours_only)[table.key], there.get(table.key))
        for table in chosen.left.tables
    }
    if examples:
        tables |= _located(ends, tables, known, jobs, examples)
    views = (
        _view(ends.source, known[key], view, (here[key], there[key])) for key, view in chosen.views.items()
    )
    return tuple(tables.values()), tuple(views)


def _view(
    source: DatabaseSnapshot, shape: ComparableTable, view: View, both: tuple[Fingerprint, Fingerprint]
) -> TableResult:
    ours, theirs = both
    refreshed = ours != theirs and materialized_views.refreshed(source, shape, view.query) == theirs
    return TableResult(str(view.table), ours, theirs, kind="materialized view", refreshed=refreshed)


def _located(
    ends: _Ends,
    tables: Mapping[Name, TableResult],
    shapes: Mapping[Name, ComparableTable],
    jobs: int,
    examples: int,
) -> dict[Name, TableResult]:
    """Say of tables that both sides have, and that differ, where that is."""
    differing = [key for key, one in tables.items() if not one.equal and key in shapes]
    found = {}
    for key in sorted(differing, key=lambda key: shapes[key].source.bytes)[:NARROWED]:
        one = tables[key]
        rows = max(one.source.rows, one.target.rows if one.target else 0)
        where = bisect.narrow(ends.source, ends.target, shapes[key], rows=rows, jobs=jobs, shown=examples)
        found[key] = replace(one, where=where)
    return found


def _set_aside(left: Database, right: Database, scope: Scope, *, upgraded: bool) -> Iterator[NotCompared]:
    for schema, name in sorted(scope.excluded):
        yield NotCompared("relation", f"{schema}.{name}", "it was excluded by name")
    if scope.schemas:
        yield NotCompared("schemas", f"all but {', '.join(scope.schemas)}", "only these were asked for")
    if upgraded:
        yield NotCompared("rows", REVISION_TABLE, "the target is at another revision")
    ours, theirs = left.server.major, right.server.major
    if ours != theirs:
        for key in definition_aliases.undecided(left.objects, right.objects):
            yield NotCompared(key.kind, key.name, f"PostgreSQL {ours} and {theirs} write it differently")


def _hold(session: Session, tables: Iterable[Table]) -> None:
    """Lock tables against being dropped, rewritten or truncated, in the mode of a SELECT.

    A snapshot does not protect from TRUNCATE, and rewriting moves rows from one part to another.
    """
    names = [table.identifier for table in tables]
    if names:
        session.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))


def _check_encoding(left: Database, right: Database) -> None:
    if left.server.encoding != right.server.encoding:
        raise ConfigurationError(
            f"its encoding is {right.server.encoding}, the source's is {left.server.encoding}: "
            "the bytes of equal texts differ",
            subject=right.server.database,
            remedy=f"Create the target with ENCODING '{left.server.encoding}' TEMPLATE template0.",
        )


def _snapshot(session: Session) -> str:
    row = session.execute("SELECT txid_current_snapshot()::text").fetchone()
    return str(row[0]) if row else ""


def _large_objects(ends: _Ends, scope: Scope) -> LargeObjectsResult | None:
    """Compare large objects, which belong to no schema."""
    if scope.schemas:
        return None
    with translated(str(ends.source.address)):
        here = large_objects.fingerprint(ends.ours)
    with translated(str(ends.target.address)):
        there = large_objects.fingerprint(ends.theirs)
    lines = large_objects.difference(ends.ours, ends.theirs).lines() if here != there else ()
    return LargeObjectsResult(here, there, tuple(lines))


def _sequences(found: Inspection, target: Iterable[Sequence]) -> Iterable[SequenceResult]:
    there = {one.key: (one.last_value, one.is_called) for one in target}
    for one, wanted in zip(found.standing, found.source.sequences, strict=True):
        yield SequenceResult(
            f"{one.schema}.{one.name}",
            (one.last_value, one.is_called),
            there.get(one.key),
            (wanted.last_value, wanted.is_called),
        )
