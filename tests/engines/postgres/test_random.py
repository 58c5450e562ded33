"""Random tables of random types with random values are copied, and compare equal."""

from __future__ import annotations

import random

import psycopg
import pytest
from psycopg import sql

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from tests.stress import SEED, size

TABLES = size(sample=12, full=400)

# Type and an expression of values, where {n} is the number of the row and {r} a random number.
TYPES = {
    "smallint": "({n} * 7919 % 65536 - 32768)::smallint",
    "integer": "({n}::bigint * {r} % 2147483647)::int",
    "bigint": "({n}::numeric * {r} * 4294967297 % 9223372036854775807)::bigint",
    "numeric": "CASE {n} % 5 WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN '-Infinity' ELSE {r} * {n} / 7.0 END",
    "numeric(30,10)": "{r} * {n} / 7.0",
    "real": "CASE {n} % 4 WHEN 0 THEN '-0'::real WHEN 1 THEN 'NaN' ELSE ({r} / ({n} + 0.5))::real END",
    "double precision": "CASE {n} % 4 WHEN 0 THEN '-Infinity'::float8 ELSE {r} * 1e-300 / ({n} + 1) END",
    "text": "repeat(chr(32 + {n} % 5000), {r} % 300) || E'\\\\\\t\\n\\\"'",
    "varchar(40)": "left(md5({n}::text) || E' \\\\N', 40)",
    "char(12)": "left('x' || {n}, 12)",
    "bytea": "decode(repeat(md5({n}::text), 1 + {r} % 40), 'hex')",
    "boolean": "{n} % 2 = 0",
    "date": "CASE {n} % 3 WHEN 0 THEN 'infinity'::date ELSE '4713-01-01 BC'::date + {n} * {r} % 2000000 END",
    "timestamp": "'4713-01-01 BC'::timestamp + make_interval(secs => {n} * 1e7 + {r} / 1e6)",
    "timestamptz": "'2000-01-01'::timestamptz + make_interval(secs => {n} * {r} / 1e3)",
    "interval": "make_interval(months => {n}, days => -{n}, secs => {r} / 1e6)",
    "time": "'00:00'::time + make_interval(secs => {r} / 1e3)",
    "uuid": "md5('{r}' || {n})::uuid",
    "jsonb": "jsonb_build_object('a', {n}, 'b', ARRAY[{r}, NULL], 'c', jsonb_build_object('x', 'é\"'))",
    "json": "('{{\"k\": ' || {n} || ',  \"k\": [{r}]}}')::json",
    "inet": "'10.0.0.0'::inet + {n}",
    "bit varying": "({r} + {n})::bit(32)::varbit",
    "integer[]": "ARRAY[[{n}, NULL], [{r}, 3]]",
    "text[]": "ARRAY['', NULL, 'NULL', E'\"{{}}\\\\', {n}::text]",
    "numrange": "numrange({n}, {n} + 1.5, CASE WHEN {n} % 2 = 0 THEN '(]' ELSE '[)' END)",
    "int4multirange": "int4multirange(int4range({n}, {n} + 2), int4range({n} + 5, NULL))",
    "point": "point({n}, {r} / 3.0)",
    "tsvector": "to_tsvector('simple', md5({n}::text) || ' word''s ' || {r})",
    "regclass": "CASE {n} % 2 WHEN 0 THEN 'pg_catalog.pg_class'::regclass END",
    '"Odd".mood': "CASE {n} % 3 WHEN 0 THEN 'sad' WHEN 1 THEN 'o''k' END::\"Odd\".mood",
    '"Odd".mood[]': "ARRAY['sad', NULL, 'o''k']::\"Odd\".mood[]",
    '"Odd".pair': 'ROW({n}, E\'"({r},\\\\\')::"Odd".pair',
    '"Odd".pair[]': 'ARRAY[ROW({n}, NULL)::"Odd".pair, NULL]',
    '"Odd".small': "{n} % 100",
}
NAMES = ["a", "B c", 'd"e', "select", "%s", "é", "f.g", "h'i", "j\\k", "l\nm", "oid", "user", "${x}", "-- n"]


@pytest.fixture
def ends(databases):
    """Return the ends of a copy; the source has the types, and nothing else."""
    found = databases(hostile=False)
    with psycopg.connect(found.source_url, autocommit=True) as session:
        session.execute('CREATE SCHEMA "Odd"')
        session.execute("CREATE TYPE \"Odd\".mood AS ENUM ('sad', 'o''k')")
        session.execute('CREATE TYPE "Odd".pair AS (a int, b text)')
        session.execute('CREATE DOMAIN "Odd".small AS int CHECK (VALUE < 100)')
    return found


def make_table(session, choose, number):
    name = sql.Identifier(choose.choice(["public", "Odd"]), f"{choose.choice(NAMES)} {number}")
    columns = [
        (f"{choose.choice(NAMES)} {index}", choose.choice(list(TYPES)))
        for index in range(choose.randint(0, 9))
    ]
    definitions = [sql.SQL("{} {}").format(sql.Identifier(label), sql.SQL(kind)) for label, kind in columns]
    session.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(definitions)))
    rows = choose.choice([0, 1, 2, 30, 500])
    values = [
        sql.SQL("CASE WHEN n % {} <> 0 THEN {} END").format(
            sql.Literal(choose.randint(2, 9)),
            sql.SQL(TYPES[kind].format(n="n", r=choose.randint(1, 99999))),
        )
        for _, kind in columns
    ]
    session.execute(
        sql.SQL("INSERT INTO {} SELECT {} FROM generate_series(1, {}) n").format(
            name, sql.SQL(", ").join(values), sql.Literal(rows)
        )
    )
    for label, _ in columns:
        if choose.random() < 0.2:
            session.execute(sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(name, sql.Identifier(label)))
        elif choose.random() < 0.2:
            session.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} text DEFAULT {}").format(
                    name, sql.Identifier(f"{label} late"), sql.Literal("it's %s")
                )
            )


@pytest.mark.sweep
@pytest.mark.parametrize("into", ["same", "later"])
def test_random_tables_arrive(ends, into, request):
    choose = random.Random(SEED)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        for number in range(TABLES):
            make_table(session, choose, number)
    if into == "later":
        later = request.getfixturevalue("later_server")
        later.create_database(ends.target_name, owner="master")
        ends.target = connection.parse(later.url(ends.target_name, "master", "s3cr%3At%2F%40"))
    result = clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert len(result.tables) == TABLES
    assert sum(one["rows"] for one in result.tables) > 100
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit).plan.changes
