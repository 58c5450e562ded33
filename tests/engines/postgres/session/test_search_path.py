"""Functions that rely on the search path: what needs them arrives, or is named before a byte moves."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection

FUNCTIONS = (
    # The first is looked into when a statement is planned, the second when it runs.
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'",
    "CREATE FUNCTION by_sql(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT twice($1)'",
    "CREATE FUNCTION by_plpgsql(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
    " $$ BEGIN RETURN 'n' || twice($1); END $$",
)
# Computed while rows come in: every version of the server does that along the session's path.
ROWS = (
    "CREATE DOMAIN a_known AS int CHECK (by_plpgsql(VALUE) <> '')",
    "CREATE TABLE made (id int PRIMARY KEY, one int GENERATED ALWAYS AS (by_sql(id)) STORED,"
    " two text GENERATED ALWAYS AS (by_plpgsql(id)) STORED, CHECK (by_sql(id) > 0))",
    "INSERT INTO made SELECT i FROM generate_series(1, 9) i",
    "CREATE TABLE odd (id int) PARTITION BY LIST (by_sql(id))",
    "CREATE TABLE odd_two PARTITION OF odd FOR VALUES IN (2)",
    "CREATE TABLE odd_rest PARTITION OF odd DEFAULT",
    "INSERT INTO odd VALUES (1), (2)",
    "CREATE TABLE zs (k a_known)",
    "INSERT INTO zs SELECT i FROM generate_series(1, 50) i",
)
# Computed by commands that later servers run along a path of their own.
INDEXES = (
    "CREATE INDEX made_by_sql ON made (by_sql(id))",
    "CREATE INDEX made_by_plpgsql ON made (id) WHERE by_plpgsql(id) IS NOT NULL",
    "CREATE STATISTICS made_stats ON by_sql(id), (id + 1) FROM made",
    "CREATE MATERIALIZED VIEW seen AS SELECT id, by_plpgsql(id) AS name FROM made",
    "CREATE UNIQUE INDEX ON seen (id)",
    "CREATE MATERIALIZED VIEW seen_again AS SELECT count(by_sql(id)) FROM seen",
)
EXCLUSION = "ALTER TABLE made ADD CONSTRAINT apart EXCLUDE (by_sql(id) WITH =)"
NAMED = {
    ("index", "public.made_by_sql"),
    ("index", "public.made_by_plpgsql"),
    ("index", "public.seen_id_idx"),
    ("statistics object", "public.made_stats"),
    ("materialized view", "public.seen"),
    ("materialized view", "public.seen_again"),
}


def run(ends, *, check=False):
    return clone_database(ends.source, ends.target, CloneOptions(), check=check, emit=emit)


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def named(result):
    return {one for one in result.plan.not_copied if one.kind not in {"owner", "settings"}}


def move_to(server, ends):
    server.create_database(ends.target_name, owner="master")
    ends.target_url = server.url(ends.target_name, "master", "s3cr%3At%2F%40")
    ends.target = connection.parse(ends.target_url)


@pytest.mark.parametrize("schema", ["public", "elsewhere"])
def test_what_relies_on_the_path_of_the_source_arrives_on_the_same_version(databases, schema):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE SCHEMA IF NOT EXISTS elsewhere",
        f"ALTER DATABASE {ends.source_name} SET search_path = {schema}",
    )
    on(ends.source_url, *FUNCTIONS, *ROWS, *INDEXES, EXCLUSION)
    assert named(run(ends)) == set()
    assert compare_databases(ends.source, ends.target).differences() == []
    # A repair brings rows into a table that has all its indexes.
    on(ends.target_url, f"SET search_path = {schema}", "TRUNCATE made, odd, zs")
    assert {one.action for one in run(ends).plan.moving} == {"copy"}
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not run(ends).plan.changes


def test_a_later_server_gets_the_rows_and_what_it_cannot_compute_is_named(databases, later_server):
    ends = databases(hostile=False)
    on(ends.source_url, *FUNCTIONS, *ROWS, *INDEXES)
    move_to(later_server, ends)
    planned = named(run(ends, check=True))
    assert {(one.kind, one.name) for one in planned} == NAMED
    reasons = {one.name: one.reason for one in planned}
    assert reasons["public.seen"].startswith(
        "function twice(integer) does not exist (PostgreSQL 18 computes it"
    )
    assert "ALTER FUNCTION … SET search_path" in reasons["public.made_by_sql"]
    assert named(run(ends)) == planned
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not run(ends).plan.changes


def test_a_constraint_that_a_later_server_cannot_compute_is_refused_before_a_byte_moves(
    databases, later_server
):
    ends = databases(hostile=False)
    on(ends.source_url, *FUNCTIONS, *ROWS, EXCLUSION)
    move_to(later_server, ends)
    with pytest.raises(
        ConfigurationError, match=r"table constraint apart on public\.made: needs index public\.apart: f"
    ):
        run(ends)
    on(ends.source_url, "ALTER FUNCTION by_sql SET search_path = public")
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_an_index_is_not_blamed_for_what_another_one_of_its_table_cannot_compute(databases, later_server):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        *FUNCTIONS,
        "CREATE TABLE place (id int PRIMARY KEY, name text, CHECK (by_plpgsql(id) <> ''))",
        "INSERT INTO place SELECT n, 'name ' || n FROM generate_series(1, 9) n",
        # A plan that reads the table looks into the function of this one, whatever it asks for.
        "CREATE INDEX there ON place (by_sql(id))",
        "CREATE DOMAIN known AS int CHECK (by_plpgsql(VALUE) <> '')",
        "ALTER TABLE place ADD COLUMN k known DEFAULT 1",
        "CREATE UNIQUE INDEX named ON place (name) WHERE name <> ''",
        "CREATE INDEX folded ON place (lower(name))",
    )
    move_to(later_server, ends)
    assert {(one.kind, one.name) for one in named(run(ends))} == {("index", "public.there")}
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not run(ends).plan.changes


def test_a_path_that_only_the_service_has_is_asked_for_before_a_byte_moves(databases):
    """The functions work in the service's sessions; those of the migration have another path."""
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE SCHEMA of_service")
    inside = f"{ends.source_url}?options=-csearch_path%3Dof_service"
    on(inside, *FUNCTIONS, *ROWS)
    with pytest.raises(ConfigurationError, match="cannot take all of the source's tables") as refused:
        run(ends)
    assert {line.partition(": ")[0] for line in refused.value.details} == {
        "default value for of_service.made.one",
        "default value for of_service.made.two",
        "table constraint made_id_check on of_service.made",
        "table of_service.zs",
    }
    assert "ALTER DATABASE" in refused.value.details[0]
    ends.source = connection.parse(inside)
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []
