"""What does not travel is named, whatever kind it is of; what would collide is refused."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database
from engines.postgres.plan.clone_plan import CloneOptions


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def not_copied(ends):
    found = clone_database(ends.source, ends.target, CloneOptions(), check=True, emit=emit)
    return {(one.kind, one.name) for one in found.plan.not_copied}


def test_what_belongs_to_roles_the_database_and_replication_is_named(databases, postgres_server):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE ROLE set_role",
        "ALTER ROLE set_role SET work_mem = '7MB'",
        f"ALTER DATABASE {ends.source_name} CONNECTION LIMIT 42",
        "CREATE FUNCTION defined() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE FUNCTION said() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER heard ON ddl_command_end EXECUTE FUNCTION said()",
        "ALTER EVENT TRIGGER heard DISABLE",
    )
    try:
        assert not_copied(ends) >= {
            ("settings", "of the role set_role"),
            ("connection limit", "42"),
            ("owner of a security definer function", "public.defined() of postgres"),
            ("owner of an event trigger", "postgres of heard"),
        }
    finally:
        on(postgres_server.url(), "DROP ROLE set_role")


def test_an_extension_in_another_schema_is_refused_with_both(databases, postgres_server):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE EXTENSION citext", "CREATE TABLE people (mail citext PRIMARY KEY)")
    on(
        postgres_server.url(ends.target_name),
        "CREATE SCHEMA extensions",
        "CREATE EXTENSION citext SCHEMA extensions",
    )
    for check in (True, False):
        with pytest.raises(ConfigurationError, match="citext is in schema extensions, on the source in"):
            clone_database(ends.source, ends.target, CloneOptions(), check=check, emit=emit)


def test_an_extension_that_is_there_already_is_used(databases, postgres_server):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE EXTENSION citext", "CREATE TABLE people (mail citext PRIMARY KEY)")
    on(postgres_server.url(ends.target_name), "CREATE EXTENSION citext", "CREATE EXTENSION hstore")
    assert clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit).plan.changes
    assert not clone_database(ends.source, ends.target, CloneOptions(), check=True, emit=emit).plan.changes
