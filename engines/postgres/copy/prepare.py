"""What a copy is to do: both ends opened, read, and compared table by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from engines.errors import ConfigurationError
from engines.postgres import large_objects
from engines.postgres.catalog import (
    Checkpoint,
    Dependencies,
    Name,
    checkpoint,
    chunks,
    dependencies,
    relations,
    schema_objects,
)
from engines.postgres.checksum import DatabaseSnapshot, is_empty, parallel_scan
from engines.postgres.copy import worker
from engines.postgres.plan import (
    CloneOptions,
    Inspection,
    OidReferences,
    Plan,
    State,
    adjustments,
    clone_plan,
    guards,
    inspection,
    oid_references,
    unsupported,
)
from engines.postgres.session import Address, Session, advisory_lock, connection, search_path, translated

PURPOSE = "bmii-migrate pg_clone"


@dataclass(frozen=True)
class Ends:
    """Both databases, a session with each, and the source's exported snapshot."""

    source_address: Address
    target_address: Address
    source: Session
    target: Session
    snapshot: str


@dataclass(frozen=True)
class CloneInputs:
    """All that a plan is made from.

    ``pages`` are the sizes of large tables, ``notes`` those of a copy that was interrupted, ``references``
    are what rows name.
    """

    survey: Inspection
    structure: Dependencies
    pages: Mapping[Name, int]
    notes: Checkpoint
    references: OidReferences


@contextmanager
def ends(source: Address, target: Address, options: CloneOptions, *, check: bool) -> Iterator[Ends]:
    """Open both sides for the length of a ``with`` block; the target for this copy alone unless ``check``."""
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as reading,
        connection.session(target, read_only=check, purpose=PURPOSE) as writing,
        connection.snapshot(reading) as snapshot,
    ):
        found = Ends(source, target, reading, writing, snapshot)
        if check:
            yield found
            return
        with (
            translated(str(target)),
            advisory_lock.exclusive(writing, seconds=options.lock_wait, subject=str(target)),
        ):
            worker.terminate_stale_workers(writing, seconds=options.lock_wait)
            yield found


def look(both: Ends, options: CloneOptions) -> CloneInputs:
    """Read all that a plan needs. Raises ``ConfigurationError`` about ends that do not fit."""
    with translated(str(both.source_address)):
        if checkpoint.is_there(both.source):
            raise ConfigurationError(
                "it is the target of a copy that was interrupted",
                subject=str(both.source_address),
                remedy="Finish that copy first: run its command again.",
            )
        scope = relations.scope(both.source, options.schemas, options.exclude_tables)
        shape, pages = dependencies.read(both.source), chunks.pages(both.source)
    found = inspection.read(both.source, both.target, scope)
    guards.servers(found.source, found.target, found.roles or {})
    with translated(str(both.source_address)):
        adjustments.require_all_rows(both.source, scope)
    unsupported.require_none_blocking(found.limits, found.target.server.database)
    with translated(str(both.target_address)):
        notes = checkpoint.read(both.target).within(scope)
    # What is only half made is not there yet.
    incomplete = {schema_objects.ObjectKey(*half) for half in notes.incomplete} - set(found.source.objects)
    target = replace(found.target, objects=schema_objects.without(found.target.objects, incomplete))
    with translated(str(both.source_address)):
        named = oid_references.look(both.source, both.target, found)
    return CloneInputs(replace(found, target=target), shape, pages, notes, named)


def decide(both: Ends, inputs: CloneInputs, options: CloneOptions) -> Plan:
    """Return the plan of a copy. Raises ``RefusedError`` about what is somebody else's on the target."""
    found = inputs.survey
    where = clone_plan.situation(found.source, found.target, interrupted=bool(inputs.notes.tables))
    states: Mapping[Name, State] = {}
    if where != "blank":
        states = _states(both, inputs, options, measure_all=where == "upgraded")
    decided = clone_plan.decide(
        found.source,
        found.target,
        where,
        states,
        options,
        notes=inputs.notes,
        rows_of=inputs.structure.rows_of,
    )
    objects = 0 if where == "upgraded" or found.scope.schemas else _large_objects(both, options)
    aside = (*found.not_copied, *inputs.references.gone)
    decided = replace(decided, not_copied=aside, large_objects=objects)
    return with_parts(decided, inputs.pages)


def _large_objects(both: Ends, options: CloneOptions) -> int:
    """Return how many large objects have to be copied. Raises ``RefusedError`` about those of others."""
    large_objects.check_readable(both.source)
    with connection.snapshot(both.target):
        found = large_objects.difference(both.source, both.target)
    database = both.target.info.dbname
    if found.foreign and not options.agreed(database):
        raise large_objects.refusal(found, database)
    return len({*found.missing, *found.different, *found.extra})


def with_parts(decided: Plan, pages: Mapping[Name, int]) -> Plan:
    """Return the plan with the number of parts that each table comes in."""
    tables = (replace(one, parts=len(chunks.split(one.table, pages))) for one in decided.tables)
    return replace(decided, tables=tuple(tables))


def _states(
    both: Ends, inputs: CloneInputs, options: CloneOptions, *, measure_all: bool
) -> dict[Name, State]:
    tables = inputs.survey.source.tables
    comparable = parallel_scan.shared(tables, inputs.survey.target.tables)
    path = inputs.survey.adjustments.search_path
    with search_path.along(both.source, path), search_path.along(both.target, path):
        to_fill = frozenset(
            key
            for key, table in comparable.items()
            if not measure_all and is_empty(both.target, table) and not is_empty(both.source, table)
        )
    # What is known to be half in needs no comparison.
    half = {
        key
        for key, begun in inputs.notes.tables.items()
        if key in comparable and key not in to_fill and not begun.complete
    }
    chosen = [table for key, table in comparable.items() if key not in to_fill and key not in half]
    with connection.snapshot(both.target) as there:
        measured = parallel_scan.both_sides(
            DatabaseSnapshot(both.source_address, both.snapshot, path),
            DatabaseSnapshot(both.target_address, there, path),
            chosen,
            jobs=options.jobs,
        )
    states = parallel_scan.states(tables, comparable, to_fill | half, measured)
    for key in half:
        states[key] = "differs"
    with search_path.along(both.target, path):
        for key in inputs.notes.tables:
            if states.get(key) == "differs" and checkpoint.wrote_all(both.target, comparable[key]):
                states[key] = "ours"
    return states
