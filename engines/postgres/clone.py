"""Copy a database into another: plan, then execute; the same call finishes what a killed one began."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from psycopg import sql

from engines.events import Emit
from engines.postgres import (
    archive,
    carry,
    catalog,
    connection,
    copier,
    decision,
    facts,
    gate,
    large_objects,
    mover,
    plan,
    programs,
    record,
    restore,
    sequences,
    settle,
    split,
    steps,
    survey,
    workers,
)
from engines.postgres.archive import Archive, Entry
from engines.postgres.catalog import Name, Table
from engines.postgres.connection import Address, Session
from engines.postgres.decision import Ends, Ground
from engines.postgres.errors import translated
from engines.postgres.facts import Facts
from engines.postgres.mover import Moved, Silence
from engines.postgres.plan import Options, Plan
from engines.postgres.progress import Progress
from engines.postgres.schedule import Schedule
from engines.postgres.split import Part

PURPOSE = decision.PURPOSE

# Seconds between two looks whether the sessions that hold snapshot and lock are still there.
_LOOK = 5.0


@dataclass(frozen=True)
class Result:
    """What a clone did, or would do: ``moved`` is empty then. ``objects`` counts the source's by kind."""

    plan: Plan
    moved: tuple[Moved, ...] = ()
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


def clone(source: Address, target: Address, options: Options, *, check: bool, emit: Emit) -> Result:
    """Make ``target`` hold what ``source`` holds.

    The source is only read, from one snapshot. ``check`` plans and changes nothing. Raises subclasses of
    ``EngineError``: see ``plan`` for what is refused.
    """
    started = time.monotonic()
    gate.consent(target.database, replace=options.on_target_rows == "replace", named=options.consent)
    with decision.ends(source, target, options, check=check) as ends:
        ground = decision.look(ends, options)
        decided = decision.decide(ends, ground, options)
        emit("clone.planned", tables=len(decided.tables), moving=len(decided.moving))
        moved: tuple[Moved, ...] = ()
        if decided.changes and not check:
            moved = _execute(ends, ground, decided, options, emit)
    return Result(decided, moved, round(time.monotonic() - started, 3), _counts(ground.survey.source))


def outline(source: Address, options: Options) -> Result:
    """Return what ``clone`` would do with a target that is not there yet."""
    started = time.monotonic()
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as session,
        connection.snapshot(session),
    ):
        scope = catalog.scope(session, options.schemas, options.exclude_tables)
        found = facts.read(session, scope)
        left_behind = carry.left_behind(session)
        wanted, pages = sequences.expected(session, found.sequences), split.pages(session)
    found = replace(found, sequences=wanted)
    decided = plan.decide(found, replace(found, objects={}), "blank", {}, options)
    dangling = carry.dangling(carry.outside_keys(found, scope))
    decided = decision.with_parts(replace(decided, not_carried=(*dangling, *left_behind)), pages)
    return Result(decided, (), round(time.monotonic() - started, 3), _counts(found))


def _counts(source: Facts) -> dict[str, int]:
    kinds = [key.kind for key in source.objects]
    found = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return found | {"extension": len(source.extensions)}


def _execute(ends: Ends, ground: Ground, decided: Plan, options: Options, emit: Emit) -> tuple[Moved, ...]:
    """Carry out ``decided``. Each step is one transaction, and a step that is done is not planned again."""
    found = ground.survey
    _hold_tables(ends.source, found.source.tables)
    stored = _dump(ends, ground) if decided.finish_schema else None
    script, number = "", 0
    if stored and decided.restore_schema:
        script, number = restore.script_before(stored, found.target, found)
    quiet, parts = _quiet_and_parts(ends, ground, decided)
    numbers = {table.key: len(some) for table, some in parts.items()}
    restore.prepare(ends.target, decided, numbers, script, found.adjustments, lock_wait=options.lock_wait)
    if script:
        emit("schema.created", steps=number)
    progress = Progress(parts, emit)
    site = copier.Site(
        source=ends.source_address,
        target=ends.target_address,
        source_session=ends.source,
        target_session=ends.target,
        snapshot=ends.snapshot,
        replica=copier.may_switch_triggers_off(ends.target),
        quiet=quiet,
        search_path=found.adjustments.search_path,
    )
    task = steps.Task(
        parts=parts,
        entries=restore.entries_after(stored, found) if stored else (),
        numbers=_numbers(stored, ground),
        structure=ground.structure,
        analyze=_to_analyze(ground, parts),
        early_keys=site.replica,
        named=ground.references.indexes,
        naming=ground.references.tables,
    )
    rest = _work(task, site, progress, options, emit)
    if decided.large_objects:
        large_objects.copy(ends.source, ends.target, emit, replace=options.on_target_rows == "replace")
    _finish(ends, ground, decided, rest, emit)
    return tuple(Moved(table, *progress.counts(table.key)) for table in parts)


def _finish(ends: Ends, ground: Ground, decided: Plan, rest: list[tuple[Entry, str]], emit: Emit) -> None:
    """Do what comes after rows and indexes; the last of it makes the copy a finished one."""
    found = ground.survey
    if decided.finish_schema:
        restore.add_conditions(ends.target, found)
        restore.finish(ends.target, rest, found.adjustments.search_path, emit)
    if decided.sequences:
        names = {one.key for one in decided.sequences}
        now = survey.again(ends.source, found.scope)
        settle.set_sequences(ends.target, [one for one in now if one.key in names])
    if decided.finish_schema:
        restore.verify_schema(ends.target, found.source, found.scope)
    record.forget(ends.target, found.scope)


def _quiet_and_parts(
    ends: Ends, ground: Ground, decided: Plan
) -> tuple[dict[Name, Silence], dict[Table, tuple[Part, ...]]]:
    """Return what keeps triggers from firing, and the parts of every table that is copied.

    Switching triggers off is part of a transaction and keeps others away from the table: that one travels
    in one piece.
    """
    quiet: dict[Name, Silence] = {}
    if not decided.restore_schema:
        quiet = {one.table.key: mover.silence(ends.target, one.table) for one in decided.moving}
    parts = {
        one.table: split.WHOLE
        if quiet.get(one.table.key, mover.LOUD).off
        else split.split(one.table, ground.pages)
        for one in decided.moving
    }
    return quiet, parts


def _work(
    task: steps.Task, site: copier.Site, progress: Progress, options: Options, emit: Emit
) -> list[tuple[Entry, str]]:
    """Run what can be done in parallel; return what is left of the archive."""
    todo, rest = steps.build(task)
    schedule = Schedule(todo)
    looked = time.monotonic()

    def beat() -> None:
        nonlocal looked
        progress.steps(schedule.done, len(schedule), schedule.cost_done / (schedule.cost or 1))
        if time.monotonic() - looked >= _LOOK:
            looked = time.monotonic()
            for session, address in ((site.source_session, site.source), (site.target_session, site.target)):
                with translated(str(address)):
                    session.execute("SELECT 1")

    workers.run(schedule, lambda: copier.Copier(site, progress, emit), jobs=options.jobs, beat=beat)
    return rest


def _dump(ends: Ends, ground: Ground) -> Archive:
    found = ground.survey
    return archive.dump(
        programs.find(found.source.server.major, found.target.server.major),
        ends.source_address,
        ends.snapshot,
        schemas=found.scope.schemas,
        excluded=found.scope.excluded,
        compressions=all(one.kind != "compression" for one in found.not_carried),
    )


def _numbers(stored: Archive | None, ground: Ground) -> Mapping[int, Name]:
    relations = ground.structure.relations
    made = stored.tables() if stored else {}
    return {number: relations[oid] for number, oid in made.items() if oid in relations}


def _to_analyze(ground: Ground, moving: Iterable[Table]) -> frozenset[Name]:
    """Return what lacks statistics: what is copied now or was before, partitions with their root.

    A partitioned table has statistics of its own, which autovacuum never makes.
    """
    fresh = {table.key for table in moving}
    fresh |= {table.key for table in ground.survey.source.tables if table.key in ground.notes.tables}
    roots = ground.structure.roots_of(fresh)
    for root in roots:
        fresh -= set(ground.structure.rows_of(root))
    return frozenset(fresh | roots)


def _hold_tables(source: Session, tables: Iterable[Table]) -> None:
    """Lock the source's tables against being dropped, changed or truncated, in the mode of a SELECT.

    A snapshot does not protect from TRUNCATE.
    """
    names = [table.identifier for table in tables]
    if names:
        source.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))
