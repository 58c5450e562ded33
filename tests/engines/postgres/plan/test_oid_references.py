"""Values of regclass and the like arrive by name, whatever comes when; or are named before a byte moves."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection

TABLES = (
    "CREATE TYPE pair AS (n int, cs regclass[])",
    "CREATE DOMAIN relation AS regclass",
    "CREATE TABLE named (id int PRIMARY KEY, n int)",
    'CREATE INDEX "Named n" ON named (n)',
    "INSERT INTO named SELECT i, i FROM generate_series(1, 9) i",
    # Rows that name indexes: of another table, of their own, and of one that refers to them.
    "CREATE TABLE a_names (id int PRIMARY KEY, c regclass, p pair, d relation)",
    "CREATE TABLE refers (id int REFERENCES a_names)",
    "CREATE INDEX refers_id ON refers (id)",
    "INSERT INTO a_names VALUES (1, 'named_pkey', ROW(1, ARRAY['\"Named n\"'::regclass]), 'a_names_pkey')",
    "INSERT INTO a_names VALUES (2, 'refers_id', NULL, 'pg_class_oid_index')",
    "INSERT INTO a_names VALUES (3, 'a_names', ROW(2, NULL), '-')",
    "INSERT INTO refers VALUES (1)",
)


def run(ends, *, check=False, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=check, emit=emit)


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_values_that_name_indexes_arrive_and_are_compared_by_name(databases):
    ends = databases(hostile=False)
    on(ends.source_url, *TABLES)
    # Numbers on the target are others than on the source.
    on(ends.target_url, *[f"CREATE TABLE t{i} (id int PRIMARY KEY)" for i in range(9)])
    on(ends.target_url, *[f"DROP TABLE t{i}" for i in range(9)])
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []
    query = "SELECT id, c::text, p::text, d::text FROM a_names ORDER BY 1"
    assert on(ends.source_url, query) == on(ends.target_url, query)
    assert not run(ends).plan.changes
    # The same number would be another name there.
    number = on(ends.source_url, "SELECT 'named_pkey'::regclass::oid::int")[0][0]
    on(ends.target_url, f"UPDATE a_names SET c = {number} WHERE id = 1")  # noqa: S608 - a number
    (line,) = compare_databases(ends.source, ends.target).differences()
    assert line.startswith("table public.a_names: 3 rows on both sides, with other values")


def test_values_that_would_name_nothing_on_the_target_are_refused_before_a_byte_moves(
    databases, later_server
):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE ROLE only_here",
        "CREATE TABLE long (t text)",
        "CREATE INDEX ON long (t)",
        "CREATE TABLE names (t regclass, i regclass, p regproc, r regrole, fine regclass DEFAULT 'pg_class')",
        "INSERT INTO names SELECT reltoastrelid, 'long_t_idx', 'lower(text)'::regprocedure, 'only_here'"
        " FROM pg_class WHERE relname = 'long'",
    )
    later_server.create_database(ends.target_name, owner="master")
    ends.target = connection.parse(later_server.url(ends.target_name, "master", "s3cr%3At%2F%40"))
    with pytest.raises(ConfigurationError, match="values of the source would name nothing there") as refused:
        run(ends, exclude_tables=("long",))
    i, p, r, t = refused.value.details
    assert i == "public.names.i: regclass long_t_idx names what is not copied"
    assert p.startswith("public.names.p: regproc pg_catalog.lower does not lead back to what it names")
    assert r == "public.names.r: regrole only_here names what the target does not have"
    assert t.endswith("names what belongs to one server alone")
    run(ends, exclude_tables=("long", "names"))


def test_a_number_of_an_object_that_is_no_more_is_named_and_arrives_as_a_number(databases):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE TABLE log (about regclass)", "INSERT INTO log VALUES (4000000000), ('log')")
    plan = run(ends).plan
    assert [one.reason for one in plan.not_copied if one.kind == "reference"] == [
        "it holds numbers of objects that are no more: they arrive as numbers"
    ]
    assert compare_databases(ends.source, ends.target).differences() == []
