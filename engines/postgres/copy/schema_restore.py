"""The schema of the target: all that rows need in one transaction before them, the rest step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import psycopg
from psycopg import sql

from engines.errors import RefusedError
from engines.events import Emit
from engines.postgres.catalog import (
    FENCE,
    Database,
    ForeignKey,
    Name,
    Scope,
    Sequence,
    Table,
    checkpoint,
    database,
    round_trip,
)
from engines.postgres.checksum import is_empty
from engines.postgres.copy.dump_archive import Archive, Entry, choose
from engines.postgres.copy.task_graph import RunScript
from engines.postgres.plan import Adjustments, Inspection, Plan, clone_plan
from engines.postgres.session import (
    BusyError,
    PostgresError,
    SchemaDiffersError,
    Session,
    primary,
    search_path,
    settings,
    translated,
)

# Errors of a step that was done before; the final comparison shows whether with the same result.
_THERE_ALREADY = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.InvalidTableDefinition,  # a second primary key
    psycopg.errors.ObjectNotInPrerequisiteState,  # an index that is a constraint's already
)

# Steps that compute rows.
_FILLING = "MATERIALIZED VIEW DATA "

# Steps that need a superuser or the owner of an extension; ``not_copied`` names the objects.
_NEVER = (
    "EVENT TRIGGER - ",
    "COMMENT - EVENT TRIGGER ",
    "COMMENT - EXTENSION ",
    "COMMENT - LARGE OBJECT",
    "USER MAPPING - ",
)


def script_before(stored: Archive, before: Database, inspection: Inspection) -> tuple[str, int]:
    """Return the script that creates schemas, types, functions, tables and views, and its number of steps.

    Schemas that are there already are left out, and what ``inspection`` leaves out.
    """
    existing = {key.name.strip('"') for key in before.objects if key.kind == "schema"}
    without = stored.without(inspection.unsupported.numbers)

    def skip(entry: Entry) -> bool:
        if entry.what.startswith(_NEVER) or entry.line in without:
            return True
        return any(entry.is_(f"SCHEMA - {name}") for name in existing)

    entries = choose(stored.entries("pre-data"), skip)
    return stored.sql("pre-data", entries), len(entries)


def entries_after(stored: Archive, inspection: Inspection) -> list[tuple[Entry, str]]:
    """Return what comes after the rows, with scripts: indexes, constraints, triggers and the like.

    What ``inspection`` leaves out is not in it, nor are foreign keys to tables outside of the copy.
    """
    without = stored.without(inspection.unsupported.numbers)
    dropped = [f"FK CONSTRAINT {key.table[0]} {key.table[1]} {key.name}" for key in inspection.outside]

    def skip(entry: Entry) -> bool:
        if entry.what.startswith(_NEVER) or entry.line in without:
            return True
        if entry.what.startswith("TRIGGER ") and f" {FENCE} " in entry.what:
            return True
        return any(entry.is_(name) for name in dropped)

    return list(stored.steps("post-data", choose(stored.entries("post-data"), skip)))


def prepare(
    target: Session,
    plan: Plan,
    parts: Mapping[Name, int],
    script: str,
    adjustments: Adjustments,
    *,
    lock_wait: float,
) -> None:
    """Make the target ready for rows, all or nothing: tables, no foreign keys, no rows, and a note of it."""
    try:
        with target.transaction():
            target.execute(f"SET LOCAL lock_timeout = {max(1, round(lock_wait * 1000))}")
            _drop_keys(target, plan.drop_keys)
            with search_path.along(target, adjustments.search_path):
                _empty(target, plan)
            target.execute("SET LOCAL lock_timeout = 0")
            if script:
                _create(target, script, adjustments)
            checkpoint.begin(target, parts)
    except psycopg.errors.LockNotAvailable as error:
        raise BusyError(
            "another session works with its tables",
            subject=target.info.dbname,
            remedy="Stop what uses the database, then run the same command again.",
        ) from error
    except psycopg.Error as error:
        raise _failed("the tables could not be created", error, target) from error
    finally:
        _forget_settings(target)


def _create(target: Session, script: str, adjustments: Adjustments) -> None:
    try:
        with target.transaction():
            target.execute(script)
    except search_path.NOT_FOUND:
        # Since 17 a server inlines functions when a generated column is created.
        if not adjustments.search_path:
            raise
        target.execute(search_path.script_along(script, adjustments.search_path))
    for statement in adjustments.with_tables:
        target.execute(statement)


def run_script(target: Session, work: RunScript, path: str = "") -> None:
    """Run one step in a transaction; where a name in it is not found, once more along the search ``path``.

    A step that an earlier, interrupted call has done is passed over.
    """
    try:
        try:
            _run(target, work, work.script)
        except search_path.NOT_FOUND:
            if not path:
                raise
            _run(target, work, search_path.script_along(work.script, path))
    except _THERE_ALREADY:
        return
    except (psycopg.errors.AdminShutdown, psycopg.errors.QueryCanceled):
        raise
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(("08", "57")):
            raise
        raise _failed(f"{work.what.rpartition(' ')[0]} could not be created", error, target) from error
    finally:
        _forget_settings(target)


def _run(target: Session, work: RunScript, script: str) -> None:
    with target.transaction():
        if work.settings:
            target.execute(settings.local(work.settings))
        target.execute(script)
        if work.begins:
            checkpoint.note_incomplete(target, *work.begins)
        if work.completes:
            checkpoint.note_complete(target, *work.completes)


def add_deferred_checks(target: Session, inspection: Inspection) -> None:
    """Create the CHECK constraints that call functions, with the search path that these expect."""
    with search_path.along(target, inspection.adjustments.search_path):
        for one in inspection.adjustments.deferred_checks:
            try:
                target.execute(one.add)
            except psycopg.errors.DuplicateObject:
                continue
            except psycopg.Error as error:
                raise _failed(f"{one.key} could not be created", error, target) from error


def restore_rest(
    target: Session, entries: list[tuple[Entry, str]], adjustments: Adjustments, emit: Emit
) -> None:
    """Carry out what is left of the archive, one by one, where need be along the source's search path."""
    results: Mapping[str, str] = {}
    if any(entry.what.startswith(_FILLING) for entry, _ in entries):
        with translated(target.info.dbname):
            results = settings.accepted(target, adjustments.results)
    for number, (entry, script) in enumerate(entries, 1):
        emit("schema.step", what=entry.what, number=number, of=len(entries))
        with translated(target.info.dbname):
            filling = results if entry.what.startswith(_FILLING) else {}
            run_script(target, RunScript(entry.what, script, filling), adjustments.search_path)


def set_sequences(target: Session, sequences: Iterable[Sequence]) -> None:
    """Set each sequence to where it is given to stand, and note that it was us."""
    chosen = list(sequences)
    with target.transaction():
        for one in chosen:
            name = sql.Identifier(one.schema, one.name).as_string(target)
            target.execute("SELECT setval(%s::regclass, %s, %s)", [name, one.last_value, one.is_called])
        checkpoint.note_sequences(target, [(one.schema, one.name, one.last_value) for one in chosen])


def verify_schema(target: Session, source: Database, scope: Scope) -> None:
    """Raise ``SchemaDiffersError`` unless the target now has every object of the source, and no other."""
    on_target = database.read(target, scope)
    same_version = source.server.major == on_target.server.major
    wanted = round_trip.reconcile(target, source.objects, on_target.objects, same_version=same_version)
    found = clone_plan.compare_objects(replace(source, objects=wanted.objects), on_target)
    if found:
        lines = found.lines()
        raise SchemaDiffersError(
            f"the copied schema is not the source's: {'; '.join(lines[:10])}",
            subject=target.info.dbname,
            remedy="Name an empty database as the target.",
            details=lines,
        )


def _drop_keys(target: Session, keys: Iterable[ForeignKey]) -> None:
    """Drop foreign keys; they are created again with the rest."""
    for key in keys:
        statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        target.execute(statement.format(sql.Identifier(*key.table), sql.Identifier(key.name)))


def _empty(target: Session, plan: Plan) -> None:
    """Delete the rows that the plan gives up; make sure that there are no others where it saw none."""
    if plan.restore_schema:
        return
    doomed = [one.table for one in plan.moving if one.action in {"replace", "recopy"}]
    if doomed:
        names = (sql.SQL("ONLY {}").format(table.identifier) for table in doomed)
        target.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))
    for one in plan.moving:
        if one.action == "copy":
            _hold_empty(target, one.table)


def _hold_empty(target: Session, table: Table) -> None:
    target.execute(sql.SQL("LOCK TABLE ONLY {} IN SHARE MODE").format(table.identifier))
    if not is_empty(target, table):
        raise RefusedError(
            "somebody writes to it: rows came in just now",
            subject=f"{target.info.dbname} {table}",
            remedy="Nothing was changed. Stop what writes to the target.",
        )


def _failed(what: str, error: psycopg.Error, target: Session) -> PostgresError:
    remedy = "Put right what the server says, then run the same command again."
    if isinstance(error, psycopg.errors.IntegrityError):
        remedy = (
            "Rows of the source violate it. Correct them there, or drop it there; "
            "then run the same command again."
        )
    return PostgresError(f"{what}: {primary(error)}", subject=target.info.dbname, remedy=remedy)


def _forget_settings(target: Session) -> None:
    # pg_restore's scripts change the session (its search path, checks of function bodies).
    if not target.closed:
        target.execute("SET check_function_bodies = on")
        target.execute("SELECT set_config('search_path', '', false)")
