"""What is computed by functions that may read other tables comes after the rows of all."""

from __future__ import annotations

import psycopg

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import dependencies
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection

# The table that is read is larger than the others, and so its rows come in later.
MADE = """
CREATE TABLE country (id int PRIMARY KEY, name text NOT NULL, pad text);
INSERT INTO country SELECT i, 'country ' || i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i;
CREATE FUNCTION named(i int) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN (SELECT name FROM public.country WHERE id = $1); END';
CREATE FUNCTION known(i int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.named($1) IS NOT NULL';
CREATE FUNCTION plain(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE OPERATOR <<~ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE DOMAIN country_id AS int CHECK (public.known(VALUE));
CREATE TABLE by_index (id int PRIMARY KEY, country_id int);
CREATE INDEX by_index_name ON by_index (public.named(country_id));
CREATE UNIQUE INDEX by_index_where ON by_index (id) WHERE public.known(country_id);
CREATE INDEX by_index_id ON by_index (country_id);
CREATE TABLE by_column (id int PRIMARY KEY, name text GENERATED ALWAYS AS (public.named(id)) STORED);
CREATE TABLE by_domain (id int PRIMARY KEY REFERENCES by_column, c country_id, several country_id[]);
CREATE TABLE refers (id int REFERENCES by_domain);
INSERT INTO by_index SELECT i, i FROM generate_series(1, 500) i;
INSERT INTO by_column SELECT generate_series(1, 500);
INSERT INTO by_domain SELECT i, i, ARRAY[i] FROM generate_series(1, 500) i;
INSERT INTO refers SELECT generate_series(1, 500);
ANALYZE;
"""
ANSWER = "SELECT count(*) FROM by_index WHERE public.named(country_id) = 'country 77'"


def test_indexes_and_rows_that_functions_compute_are_known(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute(MADE)
    with connection.session(ends.source, read_only=True) as session:
        found = dependencies.read(session)
        names = {row[0]: row[1] for row in session.execute("SELECT oid::bigint, relname FROM pg_class")}
    assert {names[oid] for oid in found.late_indexes} == {"by_index_name", "by_index_where"}
    assert found.late_tables == {("public", "by_column"), ("public", "by_domain")}


def test_an_index_answers_on_both_sides_alike(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute(MADE)
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []
    for url in (ends.source_url, ends.target_url):
        with psycopg.connect(url) as session:
            session.execute("SET enable_seqscan = off")
            assert session.execute(ANSWER).fetchone() == (1,)
