"""The copy works with later client programs, and into a later server."""

from __future__ import annotations

import psycopg

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import client_tools, connection


def test_programs_later_than_the_target_are_good_enough(ends, monkeypatch, tmp_path):
    monkeypatch.setattr(client_tools, "SYSTEM", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert client_tools.find(15, 15).major == 18
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_hostile_database_arrives_in_a_later_version(ends, later_server):
    later_server.create_database("target", owner="master")
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        # That server is built without XML; and a column that was dropped leaves a gap in the numbers.
        session.execute("DROP TABLE IF EXISTS documents")
        session.execute("ALTER TABLE kinds DROP COLUMN j")
    target = connection.parse(later_server.url("target", "master", "s3cr%3At%2F%40"))
    clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
    found = compare_databases(ends.source, target)
    assert found.target.server.major == 18
    assert found.differences() == []
    assert not clone_database(ends.source, target, CloneOptions(), check=False, emit=emit).plan.changes
    with psycopg.connect(later_server.url("target"), autocommit=True) as session:
        session.execute("UPDATE kinds SET d = d - 1 WHERE id = 2")
    assert [one.table for one in compare_databases(ends.source, target).tables if not one.equal] == [
        "public.kinds"
    ]
