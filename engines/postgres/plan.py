"""What a clone has to do, decided from facts about both databases: pure, nothing is asked or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engines.errors import ConfigurationError, RefusedError
from engines.postgres import schema
from engines.postgres.carry import NotCarried
from engines.postgres.catalog import REVISION_TABLE, ForeignKey, Name, Sequence, Table
from engines.postgres.errors import SchemaDiffersError
from engines.postgres.facts import Facts

Situation = Literal["blank", "unfinished", "complete", "upgraded"]
State = Literal["empty", "equal", "differs", "absent"]
Action = Literal["copy", "replace", "keep"]

_SHOWN = 10


@dataclass(frozen=True)
class Options:
    """What the user wants: see the module ``pg_clone``."""

    jobs: int = 2
    schemas: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    on_target_rows: Literal["refuse", "replace"] = "refuse"
    consent: str = ""
    lock_wait: float = 15


@dataclass(frozen=True)
class TablePlan:
    """What happens to the rows of one table."""

    table: Table
    action: Action


@dataclass(frozen=True)
class Plan:
    """The steps of a clone, in the order of the fields."""

    situation: Situation
    drop_keys: tuple[ForeignKey, ...] = ()
    tables: tuple[TablePlan, ...] = ()
    finish_schema: bool = False
    sequences: tuple[Sequence, ...] = ()
    large_objects: int = 0
    not_carried: tuple[NotCarried, ...] = ()

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
        return bool(self.moving or self.finish_schema or self.sequences or self.large_objects)

    def lines(self) -> list[str]:
        """Return the plan in words, one step per line; none when there is nothing to do."""
        found = ["create the tables, types, functions and views"] if self.restore_schema else []
        found += [f"drop foreign key {key.identity} until the rows are in" for key in self.drop_keys]
        for one in self.moving:
            verb = "copy" if one.action == "copy" else "delete the target's rows, then copy"
            # A table that was never analysed has no estimate.
            rows = f"{one.table.rows} rows, " if one.table.rows else ""
            found.append(f"{verb} {one.table}: about {rows}{one.table.bytes} bytes")
        if self.large_objects:
            found.append(f"copy {self.large_objects} large objects")
        if self.finish_schema:
            found.append("create the missing indexes, constraints and triggers")
        found += [f"set sequence {one.schema}.{one.name} to {one.last_value}" for one in self.sequences]
        return found


def check_servers(source: Facts, target: Facts, roles: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` when the two servers cannot be the ends of a copy.

    ``roles`` are those that policies of the source name, each with such a policy.
    """
    ours, theirs = source.server, target.server
    if (ours.started, ours.database) == (theirs.started, theirs.database):
        raise ConfigurationError("source and target are the same database", subject=ours.database)
    if theirs.major < ours.major:
        raise ConfigurationError(
            f"PostgreSQL {theirs.major} is older than the source's {ours.major}",
            subject=theirs.database,
            remedy="Use a target of the same or a later version.",
        )
    if ours.encoding != theirs.encoding:
        raise ConfigurationError(
            f"its encoding is {theirs.encoding}, the source's is {ours.encoding}",
            subject=theirs.database,
            remedy=f"Create the target with ENCODING '{ours.encoding}' TEMPLATE template0.",
        )
    unknown = sorted(set(roles) - target.roles)
    if unknown:
        raise ConfigurationError(
            f"it has no role {', '.join(unknown)}, which row-level security names"
            f" (policy {roles[unknown[0]]})",
            subject=theirs.database,
            remedy="Create the role on the target.",
        )


def situation(source: Facts, target: Facts) -> Situation:
    """Say how far the target is. Raises ``SchemaDiffersError`` when it holds something else."""
    if schema.is_blank(target.objects):
        return "blank"
    if target.revision and target.revision != source.revision:
        return "upgraded"
    found = compare_objects(source, target)
    if not found:
        return "complete"
    if schema.is_unfinished(found):
        return "unfinished"
    lines = found.lines()
    raise SchemaDiffersError(
        f"it is not empty, and its schema is not the source's: {_shorten(lines)}",
        subject=target.server.database,
        remedy="Name an empty database as the target, or empty this one.",
        details=lines,
    )


def compare_objects(source: Facts, target: Facts) -> schema.Difference:
    """Compare the schema objects of both databases, as far as their versions allow."""
    same = source.server.major == target.server.major
    return schema.difference(
        schema.comparable(source.objects, same_version=same),
        schema.comparable(target.objects, same_version=same),
    )


def decide(
    source: Facts,
    target: Facts,
    where: Situation,
    states: Mapping[Name, State],
    options: Options,
) -> Plan:
    """Return the plan. ``states`` compares each table's rows (not needed where the target is blank).

    A source that holds nothing gives an empty plan.

    Raises ``RefusedError`` about rows on the target that are not the source's, unless consent was given.
    """
    if schema.is_blank(source.objects):
        return Plan(where)
    if where == "blank":
        moved = tuple(TablePlan(table, "copy") for table in source.tables)
        return Plan(where, tables=moved, finish_schema=True, sequences=source.sequences)
    foreign = [table for table in source.tables if states[table.key] in {"differs", "absent"}]
    if where == "upgraded":
        _refuse_upgraded(source, target, [table for table in foreign if table.name != REVISION_TABLE])
        return Plan(where, tables=tuple(TablePlan(table, "keep") for table in source.tables))
    standing = {one.key: one for one in target.sequences}
    ahead = [one for one in source.sequences if one.key in standing and standing[one.key].is_ahead_of(one)]
    gate(foreign, ahead, target.server.database, options)
    actions: dict[State, Action] = {"empty": "copy", "equal": "keep", "differs": "replace", "absent": "copy"}
    moved = tuple(TablePlan(table, actions[states[table.key]]) for table in source.tables)
    moves = any(one.action != "keep" for one in moved)
    return Plan(
        where,
        drop_keys=target.foreign_keys if moves else (),
        tables=moved,
        finish_schema=where == "unfinished" or (moves and bool(target.foreign_keys)),
        sequences=tuple(one for one in source.sequences if standing.get(one.key) != one),
    )


def gate(foreign: list[Table], ahead: list[Sequence], database: str, options: Options) -> None:
    """Let pass only what belongs to the migration, or what the operator gave up by name.

    Every act that destroys something on the target comes through here.
    """
    if not foreign and not ahead:
        return
    if options.on_target_rows == "replace" and options.consent == database:
        return
    names = [f"table {table}" for table in foreign] + [f"sequence {one.schema}.{one.name}" for one in ahead]
    raise RefusedError(
        f"it holds what the source does not: {_shorten(names)}",
        subject=database,
        remedy=(
            "Nothing was changed. To replace it with the source's: "
            f"on_target_rows=replace, consent={database}."
        ),
        details=names,
    )


def check_consent(database: str, options: Options) -> None:
    """Raise ``ConfigurationError`` when rows may be replaced but the consent names another database."""
    if options.on_target_rows == "replace" and options.consent != database:
        raise ConfigurationError(
            "on_target_rows=replace needs a consent that names the target database",
            subject="consent",
            remedy=f"Set consent={database} if the rows in it may be lost.",
        )


def _refuse_upgraded(source: Facts, target: Facts, foreign: list[Table]) -> None:
    if not foreign:
        return
    names = [f"table {table}" for table in foreign]
    raise RefusedError(
        f"it was upgraded to revision {', '.join(target.revision)} (the source is at "
        f"{', '.join(source.revision) or 'none'}), and its rows differ from the source's: {_shorten(names)}",
        subject=target.server.database,
        remedy="Rows are not copied into a later schema. If they may be lost, create the database anew.",
        details=names,
    )


def _shorten(lines: list[str]) -> str:
    more = len(lines) - _SHOWN
    return "; ".join(lines[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
