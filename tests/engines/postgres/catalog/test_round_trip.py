"""Definitions that a server writes otherwise after a dump and restore are equal; others are not."""

from __future__ import annotations

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import Scope, round_trip, schema_objects
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import PostgresError, connection

# Expressions over a varchar, which a server reads as text: each is written in another way after a restore.
# ruff: noqa: S608 - the parts of these statements are constants
IN = "kind IN ('artist', 'event', 'label')"
OTHER = "kind IN ('artist', 'event', 'place')"
BASE = """
CREATE SCHEMA "App's";
CREATE TABLE "App's"."The Table" (id int PRIMARY KEY, kind varchar(20), n int, during int4range);
CREATE TABLE "App's".parted (kind varchar(20), n int) PARTITION BY RANGE ((kind IN ('a', 'b')), n);
CREATE FUNCTION "App's".noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE VIEW "App's".shown AS SELECT id, kind FROM "App's"."The Table";
"""
T = '"App\'s"."The Table"'
# By kind of object: what has the expression, and what replaces it on the target to be told as a difference.
KINDS = {
    "check": (
        f"ALTER TABLE {T} ADD CONSTRAINT c CHECK ({IN})",
        f"ALTER TABLE {T} DROP CONSTRAINT c; ALTER TABLE {T} ADD CONSTRAINT c CHECK ({OTHER})",
    ),
    "index": (
        f"CREATE UNIQUE INDEX i ON {T} (({IN}), id DESC) INCLUDE (n) WITH (fillfactor = 70) WHERE {IN}",
        f'DROP INDEX "App\'s".i; CREATE UNIQUE INDEX i ON {T} (({IN}), id DESC) INCLUDE (n) '
        f"WITH (fillfactor = 70) WHERE {OTHER}",
    ),
    "default": (
        f"ALTER TABLE {T} ADD made bool GENERATED ALWAYS AS ({IN}) STORED",
        f"ALTER TABLE {T} DROP made; ALTER TABLE {T} ADD made bool GENERATED ALWAYS AS ({OTHER}) STORED",
    ),
    "view definition": (
        f'CREATE VIEW "App\'s".v AS SELECT id FROM {T} WHERE {IN} UNION ALL SELECT NULL',
        f'CREATE OR REPLACE VIEW "App\'s".v AS SELECT id FROM {T} WHERE {OTHER} UNION ALL SELECT NULL',
    ),
    "exclusion": (
        f"ALTER TABLE {T} ADD CONSTRAINT x EXCLUDE USING gist (during WITH &&) WHERE ({IN})",
        f"ALTER TABLE {T} DROP CONSTRAINT x; "
        f"ALTER TABLE {T} ADD CONSTRAINT x EXCLUDE USING gist (during WITH &&) WHERE ({OTHER})",
    ),
    "trigger": (
        f"CREATE TRIGGER t BEFORE UPDATE OF n ON {T} FOR EACH ROW WHEN (NEW.{IN}) "
        'EXECUTE FUNCTION "App\'s".noted()',
        f"DROP TRIGGER t ON {T}; CREATE TRIGGER t BEFORE UPDATE OF n ON {T} FOR EACH ROW "
        f'WHEN (NEW.{OTHER}) EXECUTE FUNCTION "App\'s".noted()',
    ),
    "rule": (
        f'CREATE RULE r AS ON INSERT TO {T} WHERE NEW.{IN} DO ALSO DELETE FROM "App\'s".parted',
        f'CREATE OR REPLACE RULE r AS ON INSERT TO {T} WHERE NEW.{OTHER} DO ALSO DELETE FROM "App\'s".parted',
    ),
    "policy using": (
        f"CREATE POLICY p ON {T} USING ({IN}) WITH CHECK ({IN})",
        f"ALTER POLICY p ON {T} USING ({OTHER})",
    ),
    "policy check": (
        f"CREATE POLICY p ON {T} USING ({IN}) WITH CHECK ({IN})",
        f"ALTER POLICY p ON {T} WITH CHECK ({OTHER})",
    ),
    "domain check": (
        "CREATE DOMAIN \"App's\".d AS varchar(9) CHECK (VALUE IN ('a', 'b'))",
        "DROP DOMAIN \"App's\".d; CREATE DOMAIN \"App's\".d AS varchar(9) CHECK (VALUE IN ('a', 'c'))",
    ),
    "domain default": (
        "CREATE DOMAIN \"App's\".d AS bool DEFAULT ('a'::varchar IN ('a', 'b'))",
        "DROP DOMAIN \"App's\".d; CREATE DOMAIN \"App's\".d AS bool DEFAULT ('a'::varchar IN ('a', 'c'))",
    ),
    "statistics": (
        f'CREATE STATISTICS "App\'s".s (mcv) ON ({IN}), n FROM {T}',
        f'DROP STATISTICS "App\'s".s; CREATE STATISTICS "App\'s".s (mcv) ON ({OTHER}), n FROM {T}',
    ),
    "function": (
        f'CREATE FUNCTION "App\'s".f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM {T} WHERE {IN}; END',
        'CREATE OR REPLACE FUNCTION "App\'s".f() RETURNS bigint '
        f"BEGIN ATOMIC SELECT count(*) FROM {T} WHERE {OTHER}; END",
    ),
}


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def cloned(ends, target):
    clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, target).differences() == []
    assert not clone_database(ends.source, target, CloneOptions(), check=True, emit=emit).plan.changes


@pytest.fixture(scope="module")
def everything():
    """Return statements that make all of them at once."""
    return [BASE, *dict.fromkeys(make for kind, (make, _) in KINDS.items() if kind != "domain default")]


@pytest.mark.parametrize("version", ["same", "later"])
def test_a_copy_of_every_kind_is_equal(databases, later_server, everything, version):
    ends = databases(hostile=False)
    on(ends.source_url, *everything)
    target = ends.target
    if version == "later":
        on(later_server.url(), "DROP DATABASE IF EXISTS spelt (FORCE)")
        later_server.create_database("spelt", owner="master")
        target = connection.parse(later_server.url("spelt", "master", "s3cr%3At%2F%40"))
    cloned(ends, target)


@pytest.mark.parametrize("kind", KINDS)
def test_another_definition_is_a_difference_with_both_texts(databases, kind):
    ends = databases(hostile=False)
    make, change = KINDS[kind]
    on(ends.source_url, BASE, make)
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    on(ends.target_url, change)
    found = compare_databases(ends.source, ends.target)
    assert {key.kind for key in found.schema.different} == {kind}
    assert found.schema.missing == found.schema.extra == ()
    if kind not in {"function", "view definition", "rule"}:
        (line,) = found.differences()
        assert "the source's (wanted): " in line
        assert "the target's: " in line


def test_nothing_is_left_behind_and_a_standby_only_knows_texts(databases):
    ends = databases(hostile=False)
    on(ends.source_url, BASE, KINDS["check"][0])
    on(ends.target_url, BASE, f"ALTER TABLE {T} ADD CONSTRAINT c CHECK ({IN.replace(', ', ',')} OR false)")
    with connection.session(ends.source) as source, connection.session(ends.target) as target:
        objects = [schema_objects.read(session, Scope()) for session in (source, target)]
        wanted = round_trip.reconcile(target, *objects, same_version=True)
        assert schema_objects.difference(wanted.objects, objects[1]).different
        left = "SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()"
        assert target.execute(left).fetchone() == (0,)


def test_a_user_without_temporary_objects_learns_so(databases):
    ends = databases(hostile=False)
    on(ends.source_url, BASE, KINDS["check"][0])
    on(ends.target_url, f"REVOKE TEMPORARY ON DATABASE {ends.target_name} FROM PUBLIC, CURRENT_USER")
    with pytest.raises(PostgresError, match=r"temporary objects\. GRANT TEMPORARY ON DATABASE target_"):
        clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    on(ends.target_url, f"GRANT TEMPORARY ON DATABASE {ends.target_name} TO CURRENT_USER")
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []
