"""What a clone has to do, decided from facts about both databases: pure, without queries or changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engines.postgres.catalog import (
    WHOLE,
    Checkpoint,
    Chunk,
    Database,
    ForeignKey,
    Name,
    Sequence,
    Table,
    schema_objects,
)
from engines.postgres.plan import guards
from engines.postgres.plan.not_copied import NotCopied
from engines.postgres.plan.trigger_switch import TRIGGERS_ON, TriggerSwitch
from engines.postgres.session import SchemaDiffersError

Situation = Literal["blank", "unfinished", "complete", "upgraded"]
# "partial": not equal, and every row was written by a copy that was interrupted.
State = Literal["empty", "equal", "partial", "differs", "absent"]
Action = Literal["copy", "recopy", "replace", "keep"]

_FEWEST, _MOST = 2, 8  # jobs, when nobody says how many

_VERBS: Mapping[Action, str] = {
    "copy": "copy",
    "recopy": "delete what an interrupted copy left, then copy",
    "replace": "delete the target's rows, then copy",
}
# What is there before the rows.
_BEFORE = frozenset({
    "schema", "extension", "table", "partitioned table", "partition key", "column",
    "column order", "compression", "default", "domain check",
    "domain default", "view", "view definition",
    "materialized view",
    "composite type", "sequence", "enum", "domain", "range type", "function", "procedure", "aggregate",
    "foreign table", "comment", "check",
})  # fmt: skip


@dataclass(frozen=True)
class CloneOptions:
    """What the user wants: see the module ``pg_clone``."""

    jobs: int = 2
    schemas: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    on_target_rows: Literal["refuse", "replace"] = "refuse"
    consent: str = ""
    lock_wait: float = 15

    def agreed(self, database: str) -> bool:
        """Return whether rows of ``database`` may be lost."""
        return self.on_target_rows == "replace" and self.consent == database


@dataclass(frozen=True)
class TablePlan:
    """What happens to the rows of one table: in which chunks they travel, and what its triggers need."""

    table: Table
    action: Action
    chunks: tuple[Chunk, ...] = WHOLE
    triggers: TriggerSwitch = TRIGGERS_ON


@dataclass(frozen=True)
class Plan:
    """The steps of a clone, in the order of the fields.

    ``missing`` counts, by kind, what is created after the rows; ``forget`` says that notes of an interrupted
    copy are on the target.
    """

    situation: Situation
    drop_keys: tuple[ForeignKey, ...] = ()
    tables: tuple[TablePlan, ...] = ()
    finish_schema: bool = False
    missing: Mapping[str, int] = field(default_factory=dict)
    sequences: tuple[Sequence, ...] = ()
    large_objects: int = 0
    forget: bool = False
    not_copied: tuple[NotCopied, ...] = ()

    @property
    def restore_schema(self) -> bool:
        """Whether the tables have to be made first."""
        return self.situation == "blank" and self.finish_schema

    @property
    def moving(self) -> tuple[TablePlan, ...]:
        """The tables whose rows are copied, the largest first."""
        chosen = (one for one in self.tables if one.action != "keep")
        return tuple(sorted(chosen, key=lambda one: -one.table.bytes))

    @property
    def changes(self) -> bool:
        """Whether executing it changes the target."""
        return bool(self.moving or self.finish_schema or self.sequences or self.large_objects or self.forget)

    def lines(self) -> list[str]:
        """Return the plan, one line per step; none when there is nothing to do."""
        found = ["create the tables, types, functions and views"] if self.restore_schema else []
        found += [f"drop foreign key {key.identity} until the rows are in" for key in self.drop_keys]
        for one in self.moving:
            # A table that was never analysed has no estimate.
            rows = f"{one.table.rows} rows, " if one.table.rows else ""
            parts = f", in {len(one.chunks)} parts" if len(one.chunks) > 1 else ""
            found.append(f"{_VERBS[one.action]} {one.table}: about {rows}{one.table.bytes} bytes{parts}")
        if self.large_objects:
            found.append(f"copy {self.large_objects} large objects")
        if self.finish_schema:
            found.append(f"create what comes after the rows: {_counted(self.missing)}")
        found += [f"set sequence {one.schema}.{one.name} to {one.last_value}" for one in self.sequences]
        if self.forget:
            found.append("end a copy that was interrupted")
        return found


def default_jobs() -> int:
    """Return a number of jobs that fits this machine: the servers' cores are not known."""
    return min(max(os.cpu_count() or 1, _FEWEST), _MOST)


def situation(source: Database, target: Database, *, interrupted: bool = False) -> Situation:
    """Say how far the target is. Raises ``SchemaDiffersError`` when it holds something else.

    A copy that was ``interrupted`` is finished before anybody upgrades it.
    """
    if schema_objects.is_blank(target.objects):
        return "blank"
    if target.revision and target.revision != source.revision and not interrupted:
        return "upgraded"
    found = compare_objects(source, target)
    if not found:
        return "complete"
    if schema_objects.is_unfinished(found):
        return "unfinished"
    lines = found.lines()
    raise SchemaDiffersError(
        f"it is not empty, and its schema is not the source's: {guards.shorten(lines)}",
        subject=target.server.database,
        remedy="Name an empty database as the target, or empty this one.",
        details=lines,
    )


def compare_objects(source: Database, target: Database) -> schema_objects.SchemaDifference:
    """Compare the schema objects of both databases; the source's as the target would write them."""
    return schema_objects.difference(source.objects, target.objects)


def make_plan(
    source: Database,
    target: Database,
    where: Situation,
    states: Mapping[Name, State],
    options: CloneOptions,
    *,
    checkpoint: Checkpoint = Checkpoint(),  # noqa: B008 - frozen and empty
    rows_of: Callable[[Name], tuple[Name, ...]] = lambda name: (name,),
) -> Plan:
    """Return the plan. ``states`` compares each table's rows (not needed where the target is blank).

    ``checkpoint`` is that of an interrupted copy, ``rows_of`` gives the partitions of a table. A source that
    holds nothing gives an empty plan.

    Raises ``RefusedError`` about rows on the target that are not the source's, unless consent was given.
    """
    if schema_objects.is_blank(source.objects):
        return Plan(where, forget=checkpoint.exists)
    if where == "blank":
        planned = tuple(TablePlan(table, "copy") for table in source.tables)
        return Plan(
            where,
            tables=planned,
            finish_schema=True,
            missing=_missing(source, target),
            sequences=source.sequences,
            forget=checkpoint.exists,
        )
    foreign = [table for table in source.tables if states[table.key] in {"differs", "absent"}]
    if where == "upgraded":
        there = {one.key: one for one in target.sequences}
        moved_on = [one for one in source.sequences if one.key in there and one.is_ahead_of(there[one.key])]
        guards.upgraded(source, target, [table for table in foreign if not table.holds_revision], moved_on)
        return Plan(where, tables=tuple(TablePlan(table, "keep") for table in source.tables))
    standing = {one.key: one for one in target.sequences}
    ahead = [
        one
        for one in source.sequences
        if one.key in standing
        and standing[one.key].is_ahead_of(one)
        and checkpoint.sequences.get(one.key) != standing[one.key].last_value
    ]
    guards.rows(foreign, ahead, target.server.database, agreed=options.agreed(target.server.database))
    actions: dict[State, Action] = {
        "empty": "copy", "equal": "keep", "partial": "recopy", "differs": "replace", "absent": "copy",
    }  # fmt: skip
    planned = tuple(TablePlan(table, actions[states[table.key]]) for table in source.tables)
    moving = {one.table.key for one in planned if one.action != "keep"}
    dropped = tuple(
        key
        for key in target.foreign_keys
        if not moving.isdisjoint(rows_of(key.table)) or not moving.isdisjoint(rows_of(key.referred))
    )
    missing = _missing(source, target)
    if dropped:
        missing["foreign key"] = missing.get("foreign key", 0) + len(dropped)
    return Plan(
        where,
        drop_keys=dropped,
        tables=planned,
        finish_schema=where == "unfinished" or bool(dropped),
        missing=missing,
        sequences=tuple(one for one in source.sequences if standing.get(one.key) != one),
        forget=checkpoint.exists,
    )


def _missing(source: Database, target: Database) -> dict[str, int]:
    kinds = [key.kind for key in compare_objects(source, target).missing if key.kind not in _BEFORE]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "comments and the like"
