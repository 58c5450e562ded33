"""The schema of the target: all that rows need in one transaction before them, the rest step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Several
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
from engines.postgres.checksum import empty
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

# pg_restore's scripts change the session (its search path, checks of function bodies).
_FORGET = "SET check_function_bodies = on; SELECT pg_catalog.set_config('search_path', '', false)"

# Steps that compute rows.
_FILLING = "MATERIALIZED VIEW DATA "

# So many steps at most are run in one transaction: each keeps locks until its end.
_MOST = 100

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
                create(target, script, adjustments)
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


def create(target: Session, script: str, adjustments: Adjustments) -> None:
    """Run ``script``, which makes the tables and what they need, in a transaction."""
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


def run_scripts(target: Session, works: Several[RunScript], path: str = "") -> None:
    """Run steps in one transaction, and one by one where that fails: each may be done already, or differ.

    ``target`` is outside of a transaction.
    """
    if len(works) > 1:
        try:
            target.execute("\n".join(_script(work, work.script) for work in works))
        except psycopg.Error as error:
            if _is_no_answer(error):
                raise
        else:
            return
    for work in works:
        _run_script(target, work, path)


def _run_script(target: Session, work: RunScript, path: str) -> None:
    """Run one step in a transaction; where a name in it is not found, once more along the search ``path``.

    A step that an earlier, interrupted call has done is passed over.
    """
    try:
        try:
            target.execute(_script(work, work.script))
        except search_path.NOT_FOUND:
            if not path:
                raise
            target.execute(_script(work, search_path.script_along(work.script, path)))
    except _THERE_ALREADY:
        return
    except psycopg.Error as error:
        if _is_no_answer(error):
            raise
        raise _failed(f"{work.what.rpartition(' ')[0]} could not be created", error, target) from error


def _is_no_answer(error: psycopg.Error) -> bool:
    """Return whether ``error`` says nothing about a statement: the session ended, or was broken off."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57"))


def _script(work: RunScript, script: str) -> str:
    """Return the statements of a step. Sent in one message they are one transaction, and one round trip."""
    parts = [settings.local(work.settings)] if work.settings else []
    parts.append(script)
    if work.begins:
        parts.append(checkpoint.note_incomplete(*work.begins))
    if work.completes:
        parts.append(checkpoint.note_complete(*work.completes))
    # What pg_restore writes may end in a comment.
    return "".join(f"{part}\n;\n" for part in (*parts, _FORGET))


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
    """Carry out what is left of the archive in its order, where need be along the source's search path."""
    results: Mapping[str, str] = {}
    if any(entry.what.startswith(_FILLING) for entry, _ in entries):
        with translated(target.info.dbname):
            results = settings.accepted(target, adjustments.results)
    number = 0
    for works in _together(entries, results):
        for work in works:
            number += 1
            emit("schema.step", what=work.what, number=number, of=len(entries))
        with translated(target.info.dbname):
            run_scripts(target, works, adjustments.search_path)


def _together(entries: Iterable[tuple[Entry, str]], results: Mapping[str, str]) -> Iterator[list[RunScript]]:
    """Yield what is run in one transaction: steps that compute rows each have one of their own."""
    found: list[RunScript] = []
    for entry, script in entries:
        fills = entry.what.startswith(_FILLING)
        if found and (fills or len(found) >= _MOST):
            yield found
            found = []
        if fills:
            yield [RunScript(entry.what, script, results)]
        else:
            found.append(RunScript(entry.what, script))
    if found:
        yield found


def set_sequences(target: Session, sequences: Iterable[Sequence]) -> None:
    """Set each sequence to where it is given to stand, and note that it was us."""
    chosen = list(sequences)
    columns = [
        [sql.Identifier(*one.key).as_string(target) for one in chosen],
        [one.last_value for one in chosen],
        [one.is_called for one in chosen],
    ]
    with target.transaction():
        target.execute(
            "SELECT setval(name::regclass, value, called)"
            " FROM unnest(%s::text[], %s::bigint[], %s::boolean[]) AS s (name, value, called)",
            columns,
        )
        checkpoint.note_sequences(target, {one.key: one.last_value for one in chosen})


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
    _hold_empty(target, [one.table for one in plan.moving if one.action == "copy"])


def _hold_empty(target: Session, tables: Several[Table]) -> None:
    for start in range(0, len(tables), _MOST):
        names = (sql.SQL("ONLY {}").format(table.identifier) for table in tables[start : start + _MOST])
        target.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.SQL(", ").join(names)))
    still = empty(target, tables)
    written = next((table for table in tables if table.key not in still), None)
    if written is not None:
        raise RefusedError(
            "somebody writes to it: rows came in just now",
            subject=f"{target.info.dbname} {written}",
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
    if not target.closed:
        target.execute(_FORGET)
