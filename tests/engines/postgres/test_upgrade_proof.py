"""The schema of an upgraded target is what its revisions make of the source's, not what a table claims."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import EngineError
from engines.events import emit
from engines.postgres import clone_database, compare_databases, scratch
from engines.postgres.plan.clone_plan import CloneOptions

_SOURCE = """
CREATE SCHEMA app;
CREATE TYPE app.kind AS ENUM ('a', 'b');
CREATE TABLE app.parent (id serial PRIMARY KEY, kind app.kind, code varchar(9) CHECK (code IN ('x', 'y')));
CREATE TABLE app.child (id serial PRIMARY KEY, parent int REFERENCES app.parent, t text);
CREATE INDEX child_t ON app.child (lower(t));
CREATE VIEW app.pairs AS SELECT c.id, p.kind FROM app.child c JOIN app.parent p ON p.id = c.parent;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1');
INSERT INTO app.parent (kind, code) VALUES ('a', 'x');
INSERT INTO app.child (parent, t) SELECT 1, 'row ' || i FROM generate_series(1, 100) i;
"""
# What the revisions are.
_R2 = """
ALTER TABLE app.child ADD note text NOT NULL DEFAULT '', ADD CHECK (note <> 'no');
CREATE INDEX child_note ON app.child (note) WHERE note IN ('p', 'q');
UPDATE app.child SET note = 'p';
"""
_R3 = "CREATE TABLE app.added (id int PRIMARY KEY); DROP VIEW app.pairs;"
_REVISIONS = {"r2": _R2, "r3": _R3}


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def upgraded(session, to):
    """Apply revisions as Alembic does."""
    (stands,) = session.execute("SELECT version_num FROM public.alembic_version").fetchone()
    for name in sorted(one for one in _REVISIONS if stands < one <= to):
        session.execute(_REVISIONS[name])
    session.execute("UPDATE public.alembic_version SET version_num = %s", [to])


@pytest.fixture
def ends(databases, postgres_server):
    """Return a source, and a target that was upgraded to the last revision."""
    found = databases(hostile=False)
    on(postgres_server.url(), "ALTER ROLE master CREATEDB")
    on(found.source_url, _SOURCE)
    clone_database(found.source, found.target, CloneOptions(), check=False, emit=emit)
    with psycopg.connect(found.target_url, autocommit=True) as session:
        upgraded(session, "r3")
    yield found
    on(postgres_server.url(), "ALTER ROLE master NOCREATEDB")


def upgrade(address, revisions):
    with psycopg.connect(**address.parameters, autocommit=True) as session:
        upgraded(session, *revisions)


def compared(ends, **options):
    return compare_databases(ends.source, ends.target, **({"upgrade": upgrade} | options))


def unproven(found):
    return [one.reason for one in found.not_compared if one.kind == "schema of the revision"]


def scratches(server):
    return on(server.url(), "SELECT datname FROM pg_database WHERE datname LIKE 'bmii\\_scratch%'")


def test_an_upgraded_schema_is_proven_and_nothing_is_left(ends, postgres_server):
    found = compared(ends)
    assert found.differences() == []
    assert found.upgrade_proven
    assert not unproven(found)
    assert "column app.child.note" in [str(key) for key in found.by_upgrade.extra]
    assert "view app.pairs" in [str(key) for key in found.by_upgrade.missing]
    assert scratches(postgres_server) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP INDEX app.child_note", "index app.child_note: not on the target"),
        ("DROP INDEX app.child_t", "index app.child_t: not on the target"),
        ("ALTER TABLE app.child ALTER note DROP NOT NULL", "column app.child.note: defined differently"),
        ("ALTER TABLE app.parent DROP CONSTRAINT parent_code_check", "check app.parent"),
        ("CREATE TABLE app.more (id int)", "table app.more: only on the target"),
        ("UPDATE alembic_version SET version_num = 'r2'", "table app.added: only on the target"),
        ("ALTER TABLE app.child DISABLE TRIGGER ALL", "disabled constraint app.child.child_parent_fkey"),
    ],
)
def test_what_no_revision_did_is_named(ends, postgres_server, change, named):
    with psycopg.connect(postgres_server.url(ends.target_name), autocommit=True) as session:
        session.execute(change)
    lines = compared(ends).differences()
    assert any(named in line for line in lines), lines


def test_without_the_revisions_or_the_right_it_is_named_as_not_compared(ends, postgres_server):
    on(ends.target_url, "DROP INDEX app.child_note")
    (reason,) = unproven(compared(ends, upgrade=None))
    assert reason == "its revisions were not run to prove it"
    on(postgres_server.url(), "ALTER ROLE master NOCREATEDB")
    found = compared(ends)
    (reason,) = unproven(found)
    assert "permission denied to create database" in reason
    assert not found.upgrade_proven
    assert found.differences() == []


def test_a_revision_that_fails_proves_nothing_and_leaves_nothing(ends, postgres_server):
    def fails(address, revisions):
        raise EngineError("revision r2 failed", subject=str(address), remedy="")

    (reason,) = unproven(compared(ends, upgrade=fails))
    assert "revision r2 failed" in reason
    assert scratches(postgres_server) == []


def test_what_a_killed_call_left_is_dropped_and_a_users_database_is_not(ends, postgres_server):
    left, kept = f"bmii_scratch_{'0' * 16}", "bmii_scratch_mine"
    on(postgres_server.url(), f"CREATE DATABASE {left} OWNER master", f"CREATE DATABASE {kept} OWNER master")
    with scratch.database(ends.target) as address:
        assert {row[0] for row in scratches(postgres_server)} == {kept, address.database}
        with pytest.raises(EngineError, match="another comparison"), scratch.database(ends.target):
            pass
    assert scratches(postgres_server) == [(kept,)]
    on(postgres_server.url(), f"DROP DATABASE {kept}")
