"""What a later major version does not take is named before a row moves, and the rest is copied."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def later(later_server):
    on(later_server.url(), "DROP DATABASE IF EXISTS restricted (FORCE)")
    later_server.create_database("restricted", owner="master")
    return connection.parse(later_server.url("restricted", "master", "s3cr%3At%2F%40"))


@pytest.mark.parametrize(
    ("make", "kind", "name"),
    [
        (
            "CREATE VIEW seen AS SELECT checkpoints_timed, buffers_backend FROM pg_stat_bgwriter",
            "view",
            "public.seen",
        ),
        (
            "CREATE MATERIALIZED VIEW seen AS SELECT word FROM ts_stat('SELECT body FROM documents')",
            "materialized view",
            "public.seen",
        ),
        (
            "CREATE VIEW seen AS SELECT d.id, b.checkpoints_timed FROM documents d, pg_stat_bgwriter b",
            "view",
            "public.seen",
        ),
        (
            "CREATE FUNCTION seen(int) RETURNS bigint BEGIN ATOMIC"
            " SELECT checkpoints_timed FROM pg_stat_bgwriter; END",
            "function",
            "public.seen(integer)",
        ),
    ],
)
def test_a_view_that_it_does_not_take_is_named_and_left_out(databases, later, make, kind, name):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE documents (id int PRIMARY KEY, body tsvector)",
        "INSERT INTO documents VALUES (1, to_tsvector('simple', 'hello world'))",
        "CREATE VIEW sizes AS SELECT relname, relpages FROM pg_class",
        make,
    )
    planned = clone_database(ends.source, later, CloneOptions(), check=True, emit=emit).plan
    assert [one.kind for one in planned.not_copied if one.name == name] == [kind]
    clone_database(ends.source, later, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, later).differences() == []
    assert not clone_database(ends.source, later, CloneOptions(), check=True, emit=emit).plan.changes


@pytest.mark.parametrize(
    "make",
    [
        "CREATE RULE seen AS ON INSERT TO documents DO ALSO SELECT checkpoints_timed FROM pg_stat_bgwriter",
        "CREATE FUNCTION timed() RETURNS bigint BEGIN ATOMIC SELECT checkpoints_timed FROM pg_stat_bgwriter;"
        "END; ALTER TABLE documents ADD seen bigint DEFAULT timed()",
    ],
)
def test_a_table_that_needs_it_is_refused_before_anything_is_made(databases, later, make):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE TABLE documents (id int PRIMARY KEY)", make)
    with pytest.raises(ConfigurationError, match=r"documents.*has no pg_stat_bgwriter\.checkpoints_timed"):
        clone_database(ends.source, later, CloneOptions(), check=False, emit=emit)
    with connection.session(later, read_only=True) as session:
        assert session.execute("SELECT FROM pg_tables WHERE tablename = 'documents'").fetchall() == []
