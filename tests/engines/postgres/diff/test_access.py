"""Owners, privileges and the like are compared, and reported apart from differences of data."""

from __future__ import annotations

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.diff import access, report
from engines.postgres.plan.clone_plan import CloneOptions

_SOURCE = """
CREATE TABLE t (id int PRIMARY KEY, secret text);
CREATE SEQUENCE s;
CREATE TYPE kind AS ENUM ('a');
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION pg_trgm;
"""


@pytest.fixture
def equal(databases, postgres_server):
    """Return two equal databases, of one owner."""
    postgres_server.create_role("reader", "reader")
    found = databases(hostile=False)
    with psycopg.connect(found.source_url, autocommit=True) as session:
        session.execute(f"ALTER DATABASE {found.source_name} OWNER TO master")
        session.execute("SET ROLE master")
        session.execute(_SOURCE)
    clone_database(found.source, found.target, CloneOptions(), check=False, emit=emit)
    assert [line for line in compare_databases(found.source, found.target).apart if "public" in line] == []
    return found


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            "GRANT SELECT ON t TO reader",
            "privileges, table public.t for reader: none on the source, SELECT on the target",
        ),
        (
            "GRANT UPDATE (secret) ON t TO PUBLIC",
            "privileges, table column public.t.secret for PUBLIC: none on the source, UPDATE on the target",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC",
            "privileges, function public.f() for PUBLIC: EXECUTE on the source, none on the target",
        ),
        (
            "ALTER TYPE kind OWNER TO reader",
            "owner, type public.kind: master on the source, reader on the target",
        ),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE master IN SCHEMA public GRANT SELECT ON TABLES TO reader",
            "default privileges, tables of master in schema public for reader: none on the source, "
            "SELECT on the target",
        ),
        ("CREATE PUBLICATION p FOR TABLE t", "publication, p: none on the source"),
        (
            "UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'pg_trgm'",
            "version of extension, pg_trgm: 1.6 on the source, 0.1 on the target",
        ),
    ],
)
def test_each_is_named_and_makes_nothing_unequal(equal, postgres_server, change, line):
    with psycopg.connect(postgres_server.url(equal.target_name), autocommit=True) as session:
        session.execute(change)
    found = compare_databases(equal.source, equal.target)
    assert any(one.startswith(line) for one in found.apart), found.apart
    assert found.differences() == []
    assert any(one.strip().startswith(line) for one in report.report(found))


def test_an_object_that_one_side_lacks_is_reported_by_the_schema_alone():
    source, target = {("owner", "table a"): "x"}, {("privileges", "table b for y"): "SELECT"}
    assert list(access.lines(source, target)) == [
        "privileges, table b for y: none on the source, SELECT on the target"
    ]
