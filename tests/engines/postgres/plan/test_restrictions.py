"""What a later major version does not take is named before a row moves, and the rest is copied."""

from __future__ import annotations

import psycopg
import pytest

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
