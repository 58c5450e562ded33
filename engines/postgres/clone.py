"""Copy a database into another: plan, then execute; the same call finishes what a killed one began."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg import sql

from engines.events import Emit
from engines.postgres import (
    adjust,
    archive,
    carry,
    catalog,
    connection,
    facts,
    large_objects,
    limits,
    lock,
    measure,
    mover,
    plan,
    programs,
)
from engines.postgres import survey as survey_module
from engines.postgres.archive import Archive
from engines.postgres.catalog import Name, Table
from engines.postgres.checksum import is_empty
from engines.postgres.connection import Address, Session
from engines.postgres.errors import translated
from engines.postgres.mover import Moved
from engines.postgres.parallel import each
from engines.postgres.plan import Options, Plan, State, TablePlan
from engines.postgres.restore import finish_schema, restore_schema, verify_schema
from engines.postgres.settle import analyze, drop_keys, set_sequences
from engines.postgres.survey import Survey

PURPOSE = "bmii-migrate pg_clone"


@dataclass(frozen=True)
class Result:
    """What a clone did, or would do: ``moved`` is empty then."""

    plan: Plan
    moved: tuple[Moved, ...] = ()
    seconds: float = 0.0

    @property
    def tables(self) -> list[dict[str, object]]:
        """One entry per table: schema, name, rows, bytes and action; estimates for what was not moved."""
        done = {one.table.key: one for one in self.moved}
        found: list[dict[str, object]] = []
        for one in self.plan.tables:
            size = done.get(one.table.key, one.table)
            entry = {"schema": one.table.schema, "name": one.table.name, "action": one.action}
            found.append({**entry, "rows": size.rows, "bytes": size.bytes})
        return found


@dataclass(frozen=True)
class _Ends:
    """Both databases, a session with each, and the source's exported snapshot."""

    source_address: Address
    target_address: Address
    source: Session
    target: Session
    snapshot: str


def clone(source: Address, target: Address, options: Options, *, check: bool, emit: Emit) -> Result:
    """Make ``target`` hold what ``source`` holds.

    The source is only read, from one snapshot. ``check`` plans and changes nothing. Raises subclasses of
    ``EngineError``: see ``plan`` for what is refused.
    """
    started = time.monotonic()
    plan.check_consent(target.database, options)
    with _ends(source, target, options, check=check) as ends:
        survey = _survey(ends, options)
        decided = _decide(ends, survey, options)
        emit("clone.planned", tables=len(decided.tables), moving=len(decided.moving))
        moved: tuple[Moved, ...] = ()
        if decided.changes and not check:
            moved = _execute(ends, survey, decided, options, emit)
    return Result(decided, moved, round(time.monotonic() - started, 3))


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
    decided = plan.decide(found, found, "blank", {}, options)
    dangling = carry.dangling(carry.outside_keys(found, scope))
    decided = replace(decided, not_carried=(*dangling, *left_behind))
    return Result(decided, (), round(time.monotonic() - started, 3))


@contextmanager
def _ends(source: Address, target: Address, options: Options, *, check: bool) -> Iterator[_Ends]:
    with (
        connection.session(source, read_only=True, purpose=PURPOSE) as reading,
        connection.session(target, read_only=check, purpose=PURPOSE) as writing,
        connection.snapshot(reading) as snapshot,
    ):
        ends = _Ends(source, target, reading, writing, snapshot)
        if check:
            yield ends
            return
        with (
            translated(str(target)),
            lock.exclusive(writing, seconds=options.lock_wait, subject=str(target)),
        ):
            yield ends


def _survey(ends: _Ends, options: Options) -> Survey:
    scope = catalog.scope(ends.source, options.schemas, options.exclude_tables)
    found = survey_module.read(ends.source, ends.target, scope)
    plan.check_servers(found.source, found.target, found.roles or {})
    adjust.require_all_rows(ends.source, scope)
    limits.require_none_blocking(found.limits, found.target.server.database)
    return found


def _decide(ends: _Ends, survey: Survey, options: Options) -> Plan:
    where = plan.situation(survey.source, survey.target)
    states: Mapping[Name, State] = {}
    if where != "blank":
        states = _states(ends, survey, options, measure_all=where == "upgraded")
    decided = plan.decide(survey.source, survey.target, where, states, options)
    objects = 0 if where == "upgraded" or survey.scope.schemas else _large_objects(ends, options)
    return replace(decided, not_carried=survey.not_carried, large_objects=objects)


def _large_objects(ends: _Ends, options: Options) -> int:
    """Return how many large objects have to be copied. Raises ``RefusedError`` about those of others."""
    large_objects.check_readable(ends.source)
    with connection.snapshot(ends.target):
        found = large_objects.difference(ends.source, ends.target)
    if found.foreign and (options.on_target_rows, options.consent) != ("replace", ends.target.info.dbname):
        raise large_objects.refusal(found, ends.target.info.dbname)
    return len({*found.missing, *found.different, *found.extra})


def _states(ends: _Ends, survey: Survey, options: Options, *, measure_all: bool) -> dict[Name, State]:
    tables = survey.source.tables
    comparable = measure.shared(tables, survey.target.tables)
    to_fill = frozenset(
        key
        for key, table in comparable.items()
        if not measure_all and is_empty(ends.target, table) and not is_empty(ends.source, table)
    )
    chosen = [table for key, table in comparable.items() if key not in to_fill]
    with connection.snapshot(ends.target) as there:
        measured = measure.both_sides(
            (ends.source_address, ends.snapshot), (ends.target_address, there), chosen, jobs=options.jobs
        )
    return measure.states(tables, comparable, to_fill, measured)


def _execute(ends: _Ends, survey: Survey, decided: Plan, options: Options, emit: Emit) -> tuple[Moved, ...]:
    """Carry out ``decided``. Each step is one transaction, and a step that is done is not planned again."""
    _hold_tables(ends.source, survey.source.tables)
    stored: Archive | None = None
    if decided.restore_schema or decided.finish_schema:
        pair = programs.find(survey.source.server.major, survey.target.server.major)
        stored = archive.dump(
            pair,
            ends.source_address,
            ends.snapshot,
            schemas=survey.scope.schemas,
            excluded=survey.scope.excluded,
            compressions=all(one.kind != "compression" for one in survey.not_carried),
        )
    if stored and decided.restore_schema:
        restore_schema(ends.target, stored, survey.target, survey, emit)
    drop_keys(ends.target, decided.drop_keys)
    moved = _move(ends, decided, options, emit)
    if decided.large_objects:
        large_objects.copy(ends.source, ends.target, emit, replace=options.on_target_rows == "replace")
    if stored and decided.finish_schema:
        finish_schema(ends.target, stored, survey, emit)
    if decided.restore_schema or decided.finish_schema:
        verify_schema(ends.target, survey.source, survey.scope)
    if decided.sequences:
        names = {one.key for one in decided.sequences}
        now = survey_module.again(ends.source, survey.scope)
        set_sequences(ends.target, [one for one in now if one.key in names])
    analyze(ends.target, survey.source, [one.table for one in moved])
    return moved


def _hold_tables(source: Session, tables: Iterable[Table]) -> None:
    """Lock the source's tables against being dropped, changed or truncated, in the mode of a SELECT.

    A snapshot does not protect from TRUNCATE.
    """
    names = [table.identifier for table in tables]
    if names:
        source.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(names)))


def _move(ends: _Ends, decided: Plan, options: Options, emit: Emit) -> tuple[Moved, ...]:
    @contextmanager
    def pair() -> Iterator[tuple[Session, Session]]:
        with (
            connection.session(ends.source_address, read_only=True, purpose=PURPOSE) as reading,
            connection.snapshot(reading, ends.snapshot),
            connection.session(ends.target_address, purpose=PURPOSE) as writing,
        ):
            yield reading, writing

    def work(sessions: tuple[Session, Session], one: TablePlan) -> Moved:
        emit("table.started", table=str(one.table), rows=one.table.rows, bytes=one.table.bytes)
        with translated(f"{ends.target_address} {one.table}"):
            moved = mover.move(*sessions, one.table, replace=one.action == "replace", emit=emit)
        emit("table.copied", table=str(one.table), rows=moved.rows, bytes=moved.bytes)
        return moved

    return tuple(each(decided.moving, work, sessions=pair, jobs=options.jobs))
