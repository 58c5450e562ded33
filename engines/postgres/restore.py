"""The schema of the target: tables in one transaction before the rows, the rest step by step after them."""

from __future__ import annotations

import psycopg

from engines.events import Emit
from engines.postgres import facts, plan
from engines.postgres.archive import Archive, Entry, choose
from engines.postgres.catalog import Scope
from engines.postgres.connection import Session
from engines.postgres.errors import PostgresError, SchemaDiffersError, primary
from engines.postgres.facts import Facts
from engines.postgres.survey import Survey

# What a server says to a step that was done before; the comparison at the end tells whether by us.
_THERE_ALREADY = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.InvalidTableDefinition,  # a second primary key
)

# Steps that need a superuser or the owner of an extension; ``carry`` names the objects.
_NEVER = (
    "EVENT TRIGGER - ",
    "COMMENT - EVENT TRIGGER ",
    "COMMENT - EXTENSION ",
    "COMMENT - LARGE OBJECT",
    "USER MAPPING - ",
)


def restore_schema(target: Session, stored: Archive, before: Facts, survey: Survey, emit: Emit) -> None:
    """Create schemas, types, functions, tables and views, all or none, but for what ``survey`` leaves out."""
    there = {key.name.strip('"') for key in before.objects if key.kind == "schema"}
    without = stored.without(survey.limits.numbers)

    def skip(entry: Entry) -> bool:
        if entry.what.startswith(_NEVER) or entry.line in without:
            return True
        return any(entry.is_(f"SCHEMA - {name}") for name in there)

    entries = choose(stored.entries("pre-data"), skip)
    script = stored.sql("pre-data", entries)
    try:
        with target.transaction():
            target.execute(script)
            for statement in survey.adjustments.with_tables:
                target.execute(statement)
    except psycopg.Error as error:
        raise _failed("the tables could not be created", error, target) from error
    finally:
        _forget_settings(target)
    emit("schema.created", steps=len(entries))


def finish_schema(target: Session, stored: Archive, survey: Survey, emit: Emit) -> None:
    """Create indexes, constraints, triggers and what else comes after the rows, each in a transaction.

    Steps that an earlier, interrupted call has done are passed over, and what ``survey`` leaves out.
    """
    add_conditions(target, survey)
    without = stored.without(survey.limits.numbers)
    dropped = [f"FK CONSTRAINT {key.table[0]} {key.table[1]} {key.name}" for key in survey.outside]

    def skip(entry: Entry) -> bool:
        if entry.what.startswith(_NEVER) or entry.line in without:
            return True
        return any(entry.is_(name) for name in dropped)

    entries = choose(stored.entries("post-data"), skip)
    for number, (entry, script) in enumerate(stored.steps("post-data", entries), 1):
        emit("schema.step", what=entry.what, number=number, of=len(entries))
        try:
            with target.transaction():
                target.execute(script)
        except _THERE_ALREADY:
            continue
        except psycopg.Error as error:
            raise _failed(f"{entry.what.rpartition(' ')[0]} could not be created", error, target) from error
        finally:
            _forget_settings(target)


def add_conditions(target: Session, survey: Survey) -> None:
    """Create the CHECK constraints that call functions, with the search path that these expect."""
    target.execute("SELECT set_config('search_path', %s, false)", [survey.adjustments.search_path])
    try:
        for one in survey.adjustments.conditions:
            try:
                target.execute(one.add)
            except psycopg.errors.DuplicateObject:
                continue
            except psycopg.Error as error:
                raise _failed(f"{one.key} could not be created", error, target) from error
    finally:
        _forget_settings(target)


def verify_schema(target: Session, source: Facts, scope: Scope) -> None:
    """Raise ``SchemaDiffersError`` unless the target now has every object of the source, and no other."""
    found = plan.compare_objects(source, facts.read(target, scope))
    if found:
        lines = found.lines()
        raise SchemaDiffersError(
            f"the copied schema is not the source's: {'; '.join(lines[:10])}",
            subject=target.info.dbname,
            remedy="Name an empty database as the target.",
            details=lines,
        )


def _failed(what: str, error: psycopg.Error, target: Session) -> PostgresError:
    return PostgresError(
        f"{what}: {primary(error)}",
        subject=target.info.dbname,
        remedy="Put right what the server says, then run the same command again.",
    )


def _forget_settings(target: Session) -> None:
    # pg_restore's scripts change the session (its search path, checks of function bodies).
    if not target.closed:
        target.execute("SET check_function_bodies = on")
        target.execute("SELECT set_config('search_path', '', false)")
