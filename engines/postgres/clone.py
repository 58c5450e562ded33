"""Copy a database into another: plan, then execute; the same call finishes what a killed one began."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from psycopg import sql

from engines.events import Emit
from engines.postgres import large_objects
from engines.postgres.catalog import (
    Chunk,
    Database,
    Name,
    Table,
    checkpoint,
    chunks,
    database,
    relations,
    sequences,
)
from engines.postgres.copy import (
    Archive,
    CloneInputs,
    CopiedTable,
    Ends,
    Entry,
    Progress,
    Scheduler,
    TriggerSwitch,
    copy_statements,
    dump_archive,
    prepare,
    schema_restore,
    settle,
    task_graph,
    worker,
    worker_pool,
)
from engines.postgres.plan import CloneOptions, Plan, clone_plan, guards, inspection, not_copied
from engines.postgres.session import Address, Session, client_tools, connection, translated

PURPOSE = prepare.PURPOSE

# Seconds between two looks whether the sessions that hold snapshot and lock are still there.
_LOOK = 5.0


@dataclass(frozen=True)
class Result:
    """What a clone did, or would do: ``moved`` is empty then. ``objects`` counts the source's by kind."""

    plan: Plan
    moved: tuple[CopiedTable, ...] = ()
    seconds: float = 0.0
    objects: Mapping[str, int] = field(default_factory=dict)

    @property
    def tables(self) -> list[dict[str, object]]:
        """One entry per table: schema, name, rows, bytes, parts, action; estimates for what was not moved."""
        done = {one.table.key: one for one in self.moved}
        found: list[dict[str, object]] = []
        for one in self.plan.tables:
            size = done.get(one.table.key, one.table)
            entry = {"schema": one.table.schema, "name": one.table.name, "action": one.action}
            found.append({**entry, "rows": size.rows, "bytes": size.bytes, "parts": one.parts})
        return found


def clone(source: Address, target: Address, options: CloneOptions, *, check: bool, emit: Emit) -> Result:
    """Make ``target`` hold what ``source`` holds.

    The source is only read, from one snapshot. ``check`` plans and changes nothing. Raises subclasses of
    ``EngineError``: see ``plan`` for what is refused.
    """
    started = time.monotonic()
    guards.consent(target.database, replace=options.on_target_rows == "replace", named=options.consent)
    with prepare.ends(source, target, options, check=check) as ends:
        inputs = prepare.look(ends, options)
        decided = prepare.decide(ends, inputs, options)
        emit("clone.planned", tables=len(decided.tables), moving=len(decided.moving))
        moved: tuple[CopiedTable, ...] = ()
        if decided.changes and not check:
            moved = _execute(ends, inputs, decided, options, emit)
    return Result(decided, moved, round(time.monotonic() - started, 3), _counts(inputs.survey.source))


def outline(source: Address, options: CloneOptions) -> Result:
    """Return what ``clone`` would do with a target that is not there yet."""
    started = time.monotonic()
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as session,
        connection.snapshot(session),
    ):
        scope = relations.scope(session, options.schemas, options.exclude_tables)
        found = database.read(session, scope)
        left_behind = not_copied.left_behind(session)
        wanted, pages = sequences.expected(session, found.sequences), chunks.pages(session)
    found = replace(found, sequences=wanted)
    decided = clone_plan.decide(found, replace(found, objects={}), "blank", {}, options)
    dangling = not_copied.dangling(not_copied.outside_keys(found, scope))
    decided = prepare.with_parts(replace(decided, not_copied=(*dangling, *left_behind)), pages)
    return Result(decided, (), round(time.monotonic() - started, 3), _counts(found))


def _counts(source: Database) -> dict[str, int]:
    kinds = [key.kind for key in source.objects]
    found = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return found | {"extension": len(source.extensions)}


def _execute(
    ends: Ends, inputs: CloneInputs, decided: Plan, options: CloneOptions, emit: Emit
) -> tuple[CopiedTable, ...]:
    """Carry out ``decided``. Each step is one transaction, and a step that is done is not planned again."""
    found = inputs.survey
    _hold_tables(ends.source, found.source.tables)
    stored = _dump(ends, inputs) if decided.finish_schema else None
    script, number = "", 0
    if stored and decided.restore_schema:
        script, number = schema_restore.script_before(stored, found.target, found)
    quiet, parts = _quiet_and_parts(ends, inputs, decided)
    numbers = {table.key: len(some) for table, some in parts.items()}
    schema_restore.prepare(
        ends.target, decided, numbers, script, found.adjustments, lock_wait=options.lock_wait
    )
    if script:
        emit("schema.created", steps=number)
    progress = Progress(parts, emit)
    site = worker.WorkerContext(
        source=ends.source_address,
        target=ends.target_address,
        source_session=ends.source,
        target_session=ends.target,
        snapshot=ends.snapshot,
        replica=worker.may_switch_triggers_off(ends.target),
        quiet=quiet,
        search_path=found.adjustments.search_path,
    )
    graph = task_graph.GraphInputs(
        parts=parts,
        entries=schema_restore.entries_after(stored, found) if stored else (),
        numbers=_numbers(stored, inputs),
        structure=inputs.structure,
        analyze=_to_analyze(inputs, parts),
        early_keys=site.replica,
        named=inputs.references.indexes,
        naming=inputs.references.tables,
    )
    rest = _work(graph, site, progress, options, emit)
    if decided.large_objects:
        large_objects.copy(ends.source, ends.target, emit, replace=options.on_target_rows == "replace")
    _finish(ends, inputs, decided, rest, emit)
    return tuple(CopiedTable(table, *progress.counts(table.key)) for table in parts)


def _finish(
    ends: Ends, inputs: CloneInputs, decided: Plan, rest: list[tuple[Entry, str]], emit: Emit
) -> None:
    """Do what comes after rows and indexes; the last of it makes the copy a finished one."""
    found = inputs.survey
    if decided.finish_schema:
        schema_restore.add_deferred_checks(ends.target, found)
        schema_restore.finish(ends.target, rest, found.adjustments.search_path, emit)
    if decided.sequences:
        names = {one.key for one in decided.sequences}
        now = inspection.again(ends.source, found.scope)
        settle.set_sequences(ends.target, [one for one in now if one.key in names])
    if decided.finish_schema:
        schema_restore.verify_schema(ends.target, found.source, found.scope)
    checkpoint.forget(ends.target, found.scope)


def _quiet_and_parts(
    ends: Ends, inputs: CloneInputs, decided: Plan
) -> tuple[dict[Name, TriggerSwitch], dict[Table, tuple[Chunk, ...]]]:
    """Return what keeps triggers from firing, and the parts of every table that is copied.

    Switching triggers off is part of a transaction and keeps others away from the table: that one travels
    in one piece.
    """
    quiet: dict[Name, TriggerSwitch] = {}
    if not decided.restore_schema:
        quiet = {one.table.key: copy_statements.silence(ends.target, one.table) for one in decided.moving}
    parts = {
        one.table: chunks.WHOLE
        if quiet.get(one.table.key, copy_statements.TRIGGERS_ON).off
        else chunks.split(one.table, inputs.pages)
        for one in decided.moving
    }
    return quiet, parts


def _work(
    graph: task_graph.GraphInputs,
    site: worker.WorkerContext,
    progress: Progress,
    options: CloneOptions,
    emit: Emit,
) -> list[tuple[Entry, str]]:
    """Run what can be done in parallel; return what is left of the archive."""
    todo, rest = task_graph.build(graph)
    schedule = Scheduler(todo)
    looked = time.monotonic()

    def beat() -> None:
        nonlocal looked
        progress.steps(schedule.done, len(schedule), schedule.cost_done / (schedule.cost or 1))
        if time.monotonic() - looked >= _LOOK:
            looked = time.monotonic()
            for session, address in ((site.source_session, site.source), (site.target_session, site.target)):
                with translated(str(address)):
                    session.execute("SELECT 1")

    worker_pool.run(schedule, lambda: worker.CopyWorker(site, progress, emit), jobs=options.jobs, beat=beat)
    return rest


def _dump(ends: Ends, inputs: CloneInputs) -> Archive:
    found = inputs.survey
    return dump_archive.dump(
        client_tools.find(found.source.server.major, found.target.server.major),
        ends.source_address,
        ends.snapshot,
        schemas=found.scope.schemas,
        excluded=found.scope.excluded,
        compressions=all(one.kind != "compression" for one in found.not_copied),
    )


def _numbers(stored: Archive | None, inputs: CloneInputs) -> Mapping[int, Name]:
    relations = inputs.structure.relations
    made = stored.tables() if stored else {}
    return {number: relations[oid] for number, oid in made.items() if oid in relations}


def _to_analyze(inputs: CloneInputs, moving: Iterable[Table]) -> frozenset[Name]:
    """Return what lacks statistics: what is copied now or was before, partitions with their root.

    A partitioned table has statistics of its own, which autovacuum never makes.
    """
    fresh = {table.key for table in moving}
    fresh |= {table.key for table in inputs.survey.source.tables if table.key in inputs.notes.tables}
    roots = inputs.structure.roots_of(fresh)
    for root in roots:
        fresh -= set(inputs.structure.rows_of(root))
    return frozenset(fresh | roots)


def _hold_tables(source: Session, tables: Iterable[Table]) -> None:
    """Lock the source's tables against being dropped, changed or truncated, in the mode of a SELECT.

    A snapshot does not protect from TRUNCATE.
    """
    names = [table.identifier for table in tables]
    if names:
        source.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))
