"""Copy a database into another: inspect, plan, copy, verify. A second call finishes a killed one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engines.errors import RefusedError
from engines.events import Emit
from engines.postgres import replacement
from engines.postgres.catalog import Database, chunks, database, relations, sequences
from engines.postgres.copy import CopiedTable, execute, prepare
from engines.postgres.plan import CloneOptions, Plan, clone_plan, guards, not_copied
from engines.postgres.session import Address, SchemaDiffersError, connection


@dataclass(frozen=True)
class CloneResult:
    """What a clone did, or would do: ``copied`` is empty then. ``objects`` counts the source's by kind.

    ``set_aside`` is the name under which a database is kept that was replaced by a fresh one; in a plan, what
    it would be replaced for.
    """

    plan: Plan
    copied: tuple[CopiedTable, ...] = ()
    seconds: float = 0.0
    objects: Mapping[str, int] = field(default_factory=dict)
    set_aside: str = ""

    @property
    def tables(self) -> list[dict[str, object]]:
        """One entry per table: schema, name, rows, bytes, parts, action; estimates unless copied."""
        done = {one.table.key: one for one in self.copied}
        found: list[dict[str, object]] = []
        for one in self.plan.tables:
            size = done.get(one.table.key, one.table)
            entry = {"schema": one.table.schema, "name": one.table.name, "action": one.action}
            found.append({**entry, "rows": size.rows, "bytes": size.bytes, "parts": len(one.chunks)})
        return found


def clone_database(
    source: Address, target: Address, options: CloneOptions, *, check: bool, emit: Emit
) -> CloneResult:
    """Make ``target`` hold what ``source`` holds.

    The source is only read, from one snapshot. ``check`` plans and changes nothing. What was copied is
    verified before the copy counts as finished. Raises subclasses of ``EngineError``: see ``plan`` for what
    is refused.
    """
    started = time.monotonic()
    guards.consent(target.database, replace=options.on_target_rows == "replace", named=options.consent)
    with prepare.open_sessions(source, target, options, check=check) as sessions:
        inputs = prepare.inspect(sessions, options)
        plan = prepare.make_plan(sessions, inputs, options)
        emit("clone.planned", tables=len(plan.tables), moving=len(plan.moving))
        copied: tuple[CopiedTable, ...] = ()
        if plan.changes and not check:
            copied = execute(sessions, inputs, plan, options, emit, began=started)
    return _result(plan, copied, started, inputs.inspection.source)


def clone_or_replace(
    source: Address, target: Address, options: CloneOptions, *, check: bool, emit: Emit
) -> CloneResult:
    """Do the same; a target that holds something else is set aside, and a fresh database filled in its place.

    For a target that nobody was served by. What was there is kept under another name: see ``replacement``.
    """
    planned = False

    def reported(kind: str, **fields: object) -> None:
        nonlocal planned
        planned = planned or kind == "clone.planned"
        emit(kind, **fields)

    try:
        return clone_database(source, target, options, check=check, emit=reported)
    except (RefusedError, SchemaDiffersError) as error:
        if planned:
            raise  # what is wrong came with the copy, and would come with another one
        if check:
            return replace(plan_for_absent_target(source, options), set_aside=error.what)
        emit("clone.replaced", text=f"{target.database} is set aside: {error.what}")
        aside = replacement.set_aside(target)
    return replace(clone_database(source, target, options, check=False, emit=emit), set_aside=aside)


def plan_for_absent_target(source: Address, options: CloneOptions) -> CloneResult:
    """Return what a clone would do with a target that is not there yet."""
    started = time.monotonic()
    with (
        connection.session(source, read_only=True, purpose=prepare.PURPOSE) as session,
        connection.snapshot(session),
    ):
        scope = relations.scope(session, options.schemas, options.exclude_tables)
        found = database.read(session, scope)
        left_behind = not_copied.left_behind(session)
        wanted, pages = sequences.expected(session, found.sequences), chunks.pages(session)
    found = replace(found, sequences=wanted)
    plan = clone_plan.make_plan(found, replace(found, objects={}), "blank", {}, options)
    dangling = not_copied.dangling(not_copied.outside_keys(found, scope))
    plan = replace(plan, not_copied=(*dangling, *left_behind))
    return _result(prepare.with_chunks(plan, pages, None), (), started, found)


def _result(plan: Plan, copied: tuple[CopiedTable, ...], started: float, source: Database) -> CloneResult:
    kinds = [key.kind for key in source.objects]
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return CloneResult(plan, copied, round(time.monotonic() - started, 3), counts)
