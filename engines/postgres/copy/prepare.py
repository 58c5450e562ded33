"""What a copy starts from: both databases opened, inspected, and compared table by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from engines.errors import ConfigurationError
from engines.postgres import large_objects
from engines.postgres.catalog import (
    WHOLE,
    Checkpoint,
    Dependencies,
    Name,
    checkpoint,
    chunks,
    dependencies,
    locked_snapshot,
    relations,
    round_trip,
    schema_objects,
)
from engines.postgres.checksum import DatabaseSnapshot, empty, parallel_scan
from engines.postgres.copy import worker
from engines.postgres.plan import (
    CloneOptions,
    Inspection,
    OidReferences,
    Plan,
    State,
    TriggerSwitch,
    adjustments,
    clone_plan,
    guards,
    inspection,
    integrity,
    oid_references,
    trigger_switch,
    unsupported,
)
from engines.postgres.session import Address, Session, advisory_lock, connection, search_path, translated

PURPOSE = "bmii-migrate pg_clone"


@dataclass(frozen=True)
class CloneSessions:
    """Both databases, a session with each, and the source's exported snapshot."""

    source_address: Address
    target_address: Address
    source: Session
    target: Session
    snapshot: str


@dataclass(frozen=True)
class CloneInputs:
    """All that a plan is made from.

    ``pages`` are the sizes of large tables, ``checkpoint`` is that of a copy that was interrupted,
    ``references`` are what rows name.
    """

    inspection: Inspection
    dependencies: Dependencies
    pages: Mapping[Name, int]
    checkpoint: Checkpoint
    references: OidReferences


@contextmanager
def open_sessions(
    source: Address, target: Address, options: CloneOptions, *, check: bool
) -> Iterator[CloneSessions]:
    """Open both sides for the length of a ``with`` block; the target for this copy alone unless ``check``."""
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as reading,
        connection.session(target, read_only=check, purpose=PURPOSE) as writing,
    ):
        with translated(str(source)):
            scope = relations.scope(reading, options.schemas, options.exclude_tables)
        with locked_snapshot(reading, scope, seconds=options.lock_wait) as snapshot:
            found = CloneSessions(source, target, reading, writing, snapshot)
            with _for_this_copy_alone(found, options, check=check):
                yield found


@contextmanager
def _for_this_copy_alone(sessions: CloneSessions, options: CloneOptions, *, check: bool) -> Iterator[None]:
    if check:
        yield
        return
    subject = str(sessions.target_address)
    with (
        translated(subject),
        advisory_lock.exclusive(sessions.target, seconds=options.lock_wait, subject=subject),
    ):
        worker.terminate_stale_workers(sessions.target, seconds=options.lock_wait)
        yield


def inspect(sessions: CloneSessions, options: CloneOptions) -> CloneInputs:
    """Read all that a plan needs. Raises ``ConfigurationError`` about databases that do not fit."""
    source, target = sessions.source, sessions.target
    with translated(str(sessions.source_address)):
        if checkpoint.is_there(source):
            raise ConfigurationError(
                "it is the target of a copy that was interrupted",
                subject=str(sessions.source_address),
                remedy="Finish that copy first: run its command again.",
            )
        scope = relations.scope(source, options.schemas, options.exclude_tables)
        depending, pages = dependencies.read(source), chunks.pages(source)
    found = inspection.read(source, target, scope)
    guards.servers(found.source, found.target, found.roles or {})
    guards.extensions(found.source, found.target)
    with translated(str(sessions.source_address)):
        adjustments.require_all_rows(source, scope)
    unsupported.require_none_blocking(found.unsupported, found.target.server.database)
    with translated(str(sessions.target_address)):
        noted = checkpoint.read(target).within(scope)
    # What is incomplete is not there yet.
    incomplete = {schema_objects.ObjectKey(*one) for one in noted.incomplete} - set(found.source.objects)
    remaining = replace(found.target, objects=schema_objects.without(found.target.objects, incomplete))
    with translated(str(sessions.source_address)):
        references = oid_references.read(source, target, found)
    same_version = found.source.server.major == remaining.server.major
    with translated(str(sessions.target_address)):
        wanted = round_trip.reconcile(
            target, found.source.objects, remaining.objects, same_version=same_version
        )
    found = replace(found, source=replace(found.source, objects=wanted.objects), target=remaining)
    return CloneInputs(found, depending, pages, noted, references)


def make_plan(sessions: CloneSessions, inputs: CloneInputs, options: CloneOptions) -> Plan:
    """Return the plan of a copy. Raises ``RefusedError`` about what is somebody else's on the target."""
    found = inputs.inspection
    situation = clone_plan.situation(found.source, found.target, interrupted=bool(inputs.checkpoint.tables))
    states: Mapping[Name, State] = {}
    if situation != "blank":
        states = _states(sessions, inputs, options, measure_all=situation == "upgraded")
    plan = clone_plan.make_plan(
        found.source,
        found.target,
        situation,
        states,
        options,
        checkpoint=inputs.checkpoint,
        rows_of=inputs.dependencies.rows_of,
    )
    if plan.finish_schema:
        with translated(str(sessions.source_address)):
            integrity.require_kept(
                sessions.source, found.scope, found.adjustments, str(sessions.source_address)
            )
    skipped = situation == "upgraded" or found.scope.schemas
    plan = replace(
        plan,
        not_copied=(*found.not_copied, *inputs.references.gone),
        large_objects=0 if skipped else _large_objects(sessions, options),
    )
    if situation == "upgraded" and not found.scope.schemas:
        _refuse_late_large_objects(sessions)
    return with_chunks(plan, inputs.pages, None if plan.restore_schema else sessions.target)


def with_chunks(plan: Plan, pages: Mapping[Name, int], target: Session | None) -> Plan:
    """Return the plan with the chunks that each table is copied in, and what its triggers on ``target`` need.

    Switching triggers off is part of a transaction and keeps others away from the table: a table that has
    some is copied in one piece.
    """
    switches: Mapping[Name, TriggerSwitch] = {}
    if target is not None:
        switches = trigger_switch.read(target, [one.table for one in plan.tables if one.action != "keep"])
    tables = []
    for one in plan.tables:
        triggers = switches.get(one.table.key, one.triggers)
        parts = WHOLE if triggers.off else chunks.to_copy(one.table, pages)
        tables.append(replace(one, chunks=parts, triggers=triggers))
    return replace(plan, tables=tuple(tables))


def _refuse_late_large_objects(sessions: CloneSessions) -> None:
    """Raise ``RefusedError`` when the source has large objects that an upgraded target has not."""
    with connection.snapshot(sessions.target):
        found = large_objects.difference(sessions.source, sessions.target)
    if found:
        raise large_objects.refusal(found, sessions.target.info.dbname)


def _large_objects(sessions: CloneSessions, options: CloneOptions) -> int:
    """Return how many large objects have to be copied. Raises ``RefusedError`` about those of others."""
    large_objects.check_readable(sessions.source)
    with connection.snapshot(sessions.target):
        found = large_objects.difference(sessions.source, sessions.target)
    database = sessions.target.info.dbname
    if found.foreign and not options.agreed(database):
        raise large_objects.refusal(found, database)
    return len({*found.missing, *found.different, *found.extra})


def _states(
    sessions: CloneSessions, inputs: CloneInputs, options: CloneOptions, *, measure_all: bool
) -> dict[Name, State]:
    """Return how each table's rows compare with the target's."""
    source, target = sessions.source, sessions.target
    tables = inputs.inspection.source.tables
    comparable = parallel_scan.shared(tables, inputs.inspection.target.tables)
    path = inputs.inspection.adjustments.search_path
    with search_path.along(source, path), search_path.along(target, path):
        candidates = {} if measure_all else comparable
        without_rows = empty(target, candidates.values())
        to_fill = without_rows - empty(source, (comparable[key] for key in without_rows))
    # What is known to be incomplete needs no comparison.
    incomplete = {
        key
        for key, begun in inputs.checkpoint.tables.items()
        if key in comparable and key not in to_fill and not begun.complete
    }
    chosen = [table for key, table in comparable.items() if key not in to_fill and key not in incomplete]
    with connection.snapshot(target) as target_snapshot:
        measured = parallel_scan.both_sides(
            DatabaseSnapshot(sessions.source_address, sessions.snapshot, path),
            DatabaseSnapshot(sessions.target_address, target_snapshot, path),
            chosen,
            jobs=options.jobs,
        )
    states = parallel_scan.states(tables, comparable, to_fill | incomplete, measured)
    for key in incomplete:
        states[key] = "differs"
    with search_path.along(target, path):
        for key in inputs.checkpoint.tables:
            if states.get(key) == "differs" and checkpoint.wrote_all(target, comparable[key]):
                states[key] = "partial"
    return states
