"""The schema of the target: tables in one transaction before the rows, the rest step by step after them."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from engines.events import Emit
from engines.postgres import facts, plan
from engines.postgres.archive import Archive, Entry, choose
from engines.postgres.catalog import ForeignKey, Scope
from engines.postgres.connection import Session
from engines.postgres.errors import PostgresError, SchemaDiffersError, primary
from engines.postgres.facts import Facts

# What a server says to a step that was done before; the comparison at the end tells whether by us.
_THERE_ALREADY = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.InvalidTableDefinition,  # a second primary key
)

# Steps that need a superuser or the owner of an extension; ``carry`` names the objects.
_NEVER = ("EVENT TRIGGER - ", "COMMENT - EVENT TRIGGER ", "COMMENT - EXTENSION ", "COMMENT - LARGE OBJECT")


def restore_schema(
    target: Session, stored: Archive, before: Facts, absent: Iterable[str], emit: Emit
) -> None:
    """Create schemas, types, functions, tables and views, all or none. ``absent`` extensions are left out."""
    there = {key.name.strip('"') for key in before.objects if key.kind == "schema"}
    names = [f"EXTENSION - {name}" for name in absent]

    def skip(entry: Entry) -> bool:
        if entry.what.startswith(_NEVER) or any(entry.is_(name) for name in names):
            return True
        return any(entry.is_(f"SCHEMA - {name}") for name in there)

    entries = choose(stored.entries("pre-data"), skip)
    script = stored.sql("pre-data", entries)
    try:
        with target.transaction():
            target.execute(script)
    except psycopg.Error as error:
        raise _failed("the tables could not be created", error, target) from error
    finally:
        _forget_settings(target)
    emit("schema.created", steps=len(entries))


def finish_schema(target: Session, stored: Archive, outside: Iterable[ForeignKey], emit: Emit) -> None:
    """Create indexes, constraints, triggers and what else comes after the rows, each in a transaction.

    Steps that an earlier, interrupted call has done are passed over. Foreign keys to tables ``outside`` of
    the copy are left out.
    """
    dropped = [f"FK CONSTRAINT {key.table[0]} {key.table[1]} {key.name}" for key in outside]

    def skip(entry: Entry) -> bool:
        return entry.what.startswith(_NEVER) or any(entry.is_(name) for name in dropped)

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
