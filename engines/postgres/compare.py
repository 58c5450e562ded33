"""Proof that two databases hold the same: rows, sequences and schema objects. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engines.errors import ConfigurationError, EngineError
from engines.postgres import baseline, large_objects, upgrade_proof
from engines.postgres.catalog import (
    Database,
    Name,
    ObjectKey,
    Objects,
    SchemaDifference,
    Scope,
    Sequence,
    Table,
    locked_snapshot,
    only_on_target,
    relations,
    round_trip,
    schema_objects,
)
from engines.postgres.checksum import ComparableTable, DatabaseSnapshot, Fingerprint, parallel_scan
from engines.postgres.diff import (
    Comparison,
    LargeObjectsResult,
    NotCompared,
    SequenceResult,
    TableResult,
    View,
    access,
    bisect,
    materialized_views,
)
from engines.postgres.plan import Inspection, clone_plan, inspection
from engines.postgres.session import Address, NotEqualError, Session, connection, search_path, translated
from engines.postgres.upgrade_proof import Upgrade

PURPOSE = "bmii-migrate pg_compare"
_SHOWN = 10
# Seconds to wait for sessions that change tables.
_LOCK_WAIT = 30.0
_LATER = "the target is at another revision"
# For so many tables, the smallest first, it is reported where they differ.
NARROWED = 20


@dataclass(frozen=True)
class _Sessions:
    """Both databases, each with a session in a snapshot that others join."""

    scope: Scope
    source: Session
    target: Session
    source_snapshot: DatabaseSnapshot
    target_snapshot: DatabaseSnapshot


@dataclass(frozen=True)
class _Chosen:
    """What both databases hold, and which of it is compared."""

    found: Inspection
    source: Database
    target: Database
    views: Mapping[Name, View]
    upgraded: bool
    not_compared: tuple[NotCompared, ...]


def compare_databases(
    source: Address,
    target: Address,
    *,
    schemas: Iterable[str] = (),
    exclude_tables: Iterable[str] = (),
    jobs: int = 2,
    expect_upgraded: bool = True,
    examples: int = _SHOWN,
    with_baseline: bool = False,
    upgrade: Upgrade | None = None,
) -> Comparison:
    """Compare both databases, each in one snapshot, over the tables and columns that the source has.

    ``expect_upgraded`` sets what Alembic revisions changed apart, when the target is at another revision.
    ``upgrade`` runs these revisions: what they make of the source's schema, in a database for that moment,
    is what the target's has to be. Without it the schema of an upgraded target is not compared.
    ``examples`` are how many differing ranges and rows are named of each table; 0 does not look for any.
    ``with_baseline`` reads from the same snapshot what the source is held against before users are moved.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    with _open_sessions(source, target, schemas, exclude_tables) as sessions:
        chosen = _choose(sessions, expect_upgraded=expect_upgraded)
        tables, views, own = _rows(sessions, chosen, jobs=jobs, examples=examples)
        objects = _large_objects(sessions, chosen.found.scope)
        more: tuple[str, ...] = ()
        if not schemas:
            more = only_on_target(sessions.source, sessions.target, upgraded=chosen.upgraded)
        snapshots = (_snapshot(sessions.source), _snapshot(sessions.target))
        apart = access.difference(sessions.source, sessions.target, chosen.found.scope)
        schema, by_upgrade, unproven = _schema(sessions, chosen, upgrade)
        proven = (
            baseline.read(sessions.source, sessions.source_snapshot, chosen.found.scope, jobs=jobs, known=own)
            if with_baseline
            else None
        )
    return Comparison(
        source=chosen.source,
        target=chosen.target,
        tables=tables,
        views=views,
        sequences=tuple(_sequences(chosen.found, chosen.target.sequences)),
        large_objects=objects,
        schema=schema,
        by_upgrade=by_upgrade,
        upgraded=chosen.upgraded,
        upgrade_proven=chosen.upgraded and not unproven,
        not_compared=(*chosen.not_compared, *unproven),
        snapshots=snapshots,
        baseline=proven,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        only_on_target=more,
        apart=apart,
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
def _open_sessions(
    source: Address, target: Address, schemas: Iterable[str], exclude_tables: Iterable[str]
) -> Iterator[_Sessions]:
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as source_session,
        connection.session(target, read_only=True, purpose=PURPOSE) as target_session,
    ):
        scope = relations.scope(source_session, schemas, exclude_tables)
        path = search_path.expected(source_session)
        with (
            locked_snapshot(source_session, scope, seconds=_LOCK_WAIT) as source_name,
            locked_snapshot(target_session, scope, seconds=_LOCK_WAIT) as target_name,
        ):
            yield _Sessions(
                scope,
                source_session,
                target_session,
                DatabaseSnapshot(source, source_name, path),
                DatabaseSnapshot(target, target_name, path),
            )


def _choose(sessions: _Sessions, *, expect_upgraded: bool) -> _Chosen:
    scope = sessions.scope
    found = inspection.read(sessions.source, sessions.target, scope, by_anyone=True)
    source, target = found.source, found.target
    _check_encoding(source, target)
    wanted = _reconciled(sessions, source, target)
    source = replace(source, objects=wanted.objects)
    upgraded = expect_upgraded and bool(target.revision) and source.revision != target.revision
    revisions = tuple(one for one in source.tables if upgraded and one.holds_revision)
    source = replace(source, tables=tuple(one for one in source.tables if one not in revisions))
    source_views, target_views = (
        materialized_views.read(session, scope) for session in (sessions.source, sessions.target)
    )
    views = materialized_views.common(source_views, target_views)
    if upgraded:
        views = {key: view for key, view in views.items() if not _redefined(view, source, target)}
    momentary = {key for key, view in views.items() if view.depends_on_the_moment}
    views = {key: view for key, view in views.items() if key not in momentary}
    aside = [
        NotCompared(one.kind, one.name, one.reason)
        for one in found.not_copied
        if one.kind not in access.COMPARED
    ]
    aside += _set_aside(scope, revisions)
    if upgraded:
        aside.append(NotCompared("properties of the database", target.server.database, _LATER))
    aside += [
        NotCompared(key.kind, key.name, "the target does not take its definition, to compare it")
        for key in wanted.undecided
    ]
    reason = "it is not filled, or defined in another way, on one side"
    aside += [
        NotCompared("rows of materialized view", ".".join(key), reason)
        for key in sorted({*source_views, *target_views} - {*views} - momentary)
    ]
    reason = "its query gives other rows at each moment it is filled"
    aside += [NotCompared("rows of materialized view", ".".join(key), reason) for key in sorted(momentary)]
    return _Chosen(found, source, target, views, upgraded, tuple(aside))


def _schema(
    sessions: _Sessions, chosen: _Chosen, upgrade: Upgrade | None
) -> tuple[SchemaDifference, SchemaDifference, tuple[NotCompared, ...]]:
    """Return the differences, those that the upgrade made, and what could not be compared."""
    found = clone_plan.compare_objects(chosen.source, chosen.target)
    if not chosen.upgraded:
        return found, SchemaDifference(), ()
    reason = "its revisions were not run to prove it"
    if upgrade is not None:
        try:
            wanted = _upgraded_objects(sessions, chosen, upgrade)
        except EngineError as error:
            reason = f"the source's schema could not be upgraded to compare it: {error.what}"
        else:
            made = schema_objects.difference(chosen.source.objects, wanted)
            return schema_objects.difference(wanted, chosen.target.objects), made, ()
    revision = ", ".join(chosen.target.revision)
    return SchemaDifference(), found, (NotCompared("schema of the revision", revision, reason),)


def _upgraded_objects(sessions: _Sessions, chosen: _Chosen, upgrade: Upgrade) -> Objects:
    target = sessions.target_snapshot.address
    return upgrade_proof.expected_objects(
        sessions.source, sessions.source_snapshot, target, chosen.found, upgrade
    )


def _rows(
    sessions: _Sessions, chosen: _Chosen, *, jobs: int, examples: int
) -> tuple[tuple[TableResult, ...], tuple[TableResult, ...], dict[Name, Fingerprint]]:
    """Compare the rows of tables and of materialised views.

    The last value holds the source's fingerprints that do not depend on what the target is like.
    """
    shared = parallel_scan.shared(chosen.source.tables, chosen.target.tables)
    filled = [view.table for view in chosen.views.values()]
    known = parallel_scan.comparable_tables(
        sessions.source_snapshot, sessions.target_snapshot, [*shared.values(), *filled]
    )
    # What the target lacks is counted on the source all the same: the report says what would be lost.
    missing = [table for table in chosen.source.tables if table.key not in shared]
    source_only = parallel_scan.fingerprints(sessions.source_snapshot, missing, jobs=jobs)
    source_sums, target_sums = parallel_scan.of_tables(
        sessions.source_snapshot, sessions.target_snapshot, known.values(), jobs=jobs
    )
    tables = {
        table.key: TableResult(str(table), (source_sums | source_only)[table.key], target_sums.get(table.key))
        for table in chosen.source.tables
    }
    if examples:
        tables |= _located(sessions, tables, known, jobs, examples)
    views = (
        _view(sessions.source_snapshot, known[key], view, (source_sums[key], target_sums[key]))
        for key, view in chosen.views.items()
    )
    own = {key: source_sums[key] for key, table in known.items() if key in shared and _is_own(table)}
    return tuple(tables.values()), tuple(views), own | source_only


def _is_own(table: ComparableTable) -> bool:
    """Return whether rows are encoded as they are without a target."""
    return all(form == table.source.forms[name] for name, form in table.columns)


def _view(
    source: DatabaseSnapshot, table: ComparableTable, view: View, sums: tuple[Fingerprint, Fingerprint]
) -> TableResult:
    source_sum, target_sum = sums
    refreshed = (
        source_sum != target_sum and materialized_views.refreshed(source, table, view.query) == target_sum
    )
    return TableResult(str(view.table), source_sum, target_sum, kind="materialized view", refreshed=refreshed)


def _located(
    sessions: _Sessions,
    tables: Mapping[Name, TableResult],
    comparable: Mapping[Name, ComparableTable],
    jobs: int,
    examples: int,
) -> dict[Name, TableResult]:
    """Say of tables that both sides have, and that differ, where that is."""
    differing = [key for key, one in tables.items() if not one.equal and key in comparable]
    found = {}
    for key in sorted(differing, key=lambda key: comparable[key].source.bytes)[:NARROWED]:
        one = tables[key]
        rows = max(one.source.rows, one.target.rows if one.target else 0)
        where = bisect.locate(
            sessions.source_snapshot,
            sessions.target_snapshot,
            comparable[key],
            rows=rows,
            jobs=jobs,
            shown=examples,
        )
        found[key] = replace(one, where=where)
    return found


def _reconciled(sessions: _Sessions, source: Database, target: Database) -> round_trip.Reconciled:
    """Return the source's objects as the target would write them; asked in a session that is rolled back."""
    if source.objects == target.objects:
        return round_trip.Reconciled(source.objects)
    same_version = source.server.major == target.server.major
    with connection.session(sessions.target_snapshot.address, purpose=PURPOSE) as scratch:
        return round_trip.reconcile(scratch, source.objects, target.objects, same_version=same_version)


def _redefined(view: View, source: Database, target: Database) -> bool:
    key = ObjectKey("view definition", view.identity)
    return source.objects.get(key) != target.objects.get(key)


def _set_aside(scope: Scope, revisions: Iterable[Table]) -> Iterator[NotCompared]:
    for schema, name in sorted(scope.excluded):
        yield NotCompared("relation", f"{schema}.{name}", "it was excluded by name")
    if scope.schemas:
        yield NotCompared("schemas", f"all but {', '.join(scope.schemas)}", "only these were asked for")
    for one in revisions:
        yield NotCompared("rows", one.name, _LATER)


def _check_encoding(source: Database, target: Database) -> None:
    if source.server.encoding != target.server.encoding:
        raise ConfigurationError(
            f"its encoding is {target.server.encoding}, the source's is {source.server.encoding}: "
            "the bytes of equal texts differ",
            subject=target.server.database,
            remedy=f"Create the target with ENCODING '{source.server.encoding}' TEMPLATE template0.",
        )


def _snapshot(session: Session) -> str:
    row = session.execute("SELECT txid_current_snapshot()::text").fetchone()
    return str(row[0]) if row else ""


def _large_objects(sessions: _Sessions, scope: Scope) -> LargeObjectsResult | None:
    """Compare large objects, which belong to no schema."""
    if scope.schemas:
        return None
    with translated(str(sessions.source_snapshot.address)):
        on_source = large_objects.fingerprint(sessions.source)
    with translated(str(sessions.target_snapshot.address)):
        on_target = large_objects.fingerprint(sessions.target)
    lines = (
        large_objects.difference(sessions.source, sessions.target).lines() if on_source != on_target else ()
    )
    return LargeObjectsResult(on_source, on_target, tuple(lines))


def _sequences(found: Inspection, target: Iterable[Sequence]) -> Iterable[SequenceResult]:
    standing = {one.key: (one.last_value, one.is_called) for one in target}
    for one, wanted in zip(found.standing, found.source.sequences, strict=True):
        yield SequenceResult(
            f"{one.schema}.{one.name}",
            (one.last_value, one.is_called),
            standing.get(one.key),
            (wanted.last_value, wanted.is_called),
        )
