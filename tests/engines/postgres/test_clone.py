"""A clone is complete, repeatable, and careful with what it finds."""

from __future__ import annotations

import threading

import psycopg
import pytest

from engines.errors import ConfigurationError, RefusedError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import chunks
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from engines.postgres.session.advisory_lock import exclusive
from engines.postgres.session.errors import BusyError, PostgresError, SchemaDiffersError


def run(ends, *, check=False, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=check, emit=emit)


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_hostile_database_arrives_whole_as_an_ordinary_role(ends):
    result = run(ends)
    found = compare_databases(ends.source, ends.target)
    assert found.differences() == []
    assert on(ends.target_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]
    rows = {entry["name"]: entry["rows"] for entry in result.tables}
    assert rows["Order"] == 53
    assert rows["no_columns"] == 2
    assert rows["measured_2020"] + rows["measured_2021_rest"] == 701
    # Read with other means than our checksum.
    for query in (
        'SELECT * FROM "Mixed Case"."Order" ORDER BY 1, 2',
        "SELECT k::text FROM kinds k ORDER BY id",
        "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'logged'::regclass ORDER BY 1",
        "SELECT * FROM totals",
        "SELECT * FROM ONLY animal",
        "SELECT last_value, is_called FROM other.down",
        "SELECT id, seen FROM logged",
    ):
        assert on(ends.source_url, query) == on(ends.target_url, query), query


def test_second_run_changes_nothing(ends):
    assert run(ends).plan.changes
    again = run(ends)
    assert not again.plan.changes
    assert again.plan.lines() == []
    assert {entry["action"] for entry in again.tables} == {"keep"}


def test_check_plans_what_the_run_does_and_changes_nothing(ends):
    planned = run(ends, check=True)
    assert planned.plan.changes
    assert planned.copied == ()
    assert on(
        ends.target_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]
    done = run(ends)
    assert planned.plan.lines() == done.plan.lines()
    assert run(ends, check=True).plan.lines() == []


def test_source_without_tables_needs_nothing(databases):
    ends = databases(hostile=False)
    assert not run(ends).plan.changes


@pytest.mark.parametrize(
    "script",
    [
        "DROP SCHEMA public CASCADE; CREATE SCHEMA app; CREATE EXTENSION pg_trgm SCHEMA app;",
        "ALTER SCHEMA public RENAME TO app; GRANT USAGE ON SCHEMA app TO master;",
        "ALTER SCHEMA public RENAME TO app; CREATE SCHEMA public; CREATE EXTENSION citext SCHEMA app;",
    ],
)
def test_a_source_whose_schema_public_is_gone_or_renamed(databases, script):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        script,
        "CREATE TABLE app.a (id serial PRIMARY KEY); INSERT INTO app.a DEFAULT VALUES",
    )
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []
    assert on(ends.target_url, "SELECT id FROM app.a") == [(1,)]
    assert not run(ends).plan.changes


def test_rows_of_others_are_refused_by_name_before_anything_changes(ends):
    run(ends)
    on(ends.target_url, "INSERT INTO tree VALUES (9, 1)", "DELETE FROM guarded")
    on(ends.target_url, "DROP INDEX measured_value CASCADE")
    with pytest.raises(RefusedError, match=r"table public\.tree") as refused:
        run(ends)
    assert refused.value.details == ["table public.tree"]
    assert on(ends.target_url, "SELECT count(*) FROM guarded") == [(0,)]


def test_replace_needs_a_consent_that_names_the_database(ends):
    with pytest.raises(ConfigurationError, match="consent"):
        run(ends, on_target_rows="replace", consent="another")


def test_replace_repairs_a_finished_copy_and_fires_no_trigger(ends):
    run(ends)
    on(
        ends.target_url,
        "INSERT INTO tree VALUES (9, 1)",
        "UPDATE logged SET seen = 5",
        "SELECT nextval('other.untouched')",
        "DELETE FROM measured_note",
    )
    with pytest.raises(RefusedError, match=r"sequence other\.untouched"):
        run(ends)
    result = run(ends, on_target_rows="replace", consent=ends.target_name)
    actions = {entry["name"]: entry["action"] for entry in result.tables}
    assert (actions["tree"], actions["logged"], actions["measured_note"], actions["kinds"]) == (
        "replace",
        "replace",
        "copy",
        "keep",
    )
    assert compare_databases(ends.source, ends.target).differences() == []
    assert on(ends.target_url, "SELECT id, seen FROM logged") == [(1, 1)]
    assert not run(ends).plan.changes


def test_another_schema_is_refused_with_the_difference(ends):
    run(ends)
    on(
        ends.target_url,
        "ALTER TABLE tree ADD COLUMN extra text",
        "ALTER TABLE animal ALTER name SET NOT NULL",
    )
    with pytest.raises(SchemaDiffersError) as refused:
        run(ends)
    assert "column public.tree.extra: only on the target" in refused.value.details
    wanted = "the source's (wanted): text, the target's: text not null"
    assert f"column public.animal.name: defined differently, {wanted}" in refused.value.details


def test_target_with_tables_of_its_own_is_refused(ends):
    on(ends.target_url, "CREATE TABLE mine (id integer)", "INSERT INTO mine VALUES (1)")
    with pytest.raises(SchemaDiffersError, match=r"public\.mine"):
        run(ends)
    assert on(ends.target_url, "SELECT * FROM mine") == [(1,)]


def test_same_database_on_both_ends_is_refused(ends):
    ends.target = connection.parse(ends.source_url.replace("127.0.0.1", "localhost"))
    with pytest.raises(ConfigurationError, match="same database"):
        run(ends, on_target_rows="replace", consent=ends.source_name)


def test_source_session_cannot_write(ends):
    with (
        pytest.raises(PostgresError, match="read-only"),
        connection.session(ends.source, read_only=True) as session,
    ):
        session.execute("CREATE TABLE no (id integer)")


def test_second_clone_at_once_learns_who_works(ends):
    with (
        connection.session(ends.target, purpose="bmii-migrate pg_clone") as other,
        exclusive(other, seconds=0, subject="target"),
        pytest.raises(BusyError, match=r"another migration works on this database \(bmii-migrate pg_clone"),
    ):
        run(ends, lock_wait=0.1)
    assert run(ends).plan.changes


def test_excluded_tables_and_keys_to_them_stay_behind_by_name(ends):
    result = run(ends, exclude_tables=("husband", '"Mixed Case"."Order"', "totals", "empty"))
    left = {(one.kind, one.name) for one in result.plan.not_copied}
    assert ("foreign key", "public.wife.wife_husband_fkey") in left
    names = {
        row[0] for row in on(ends.target_url, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S')")
    }
    assert "wife" in names
    assert not {"husband", "Order", "empty", "empty_id_seq"} & names
    again = run(ends, exclude_tables=("husband", '"Mixed Case"."Order"', "totals", "empty"))
    assert not again.plan.changes


def test_only_the_chosen_schemas_are_copied(ends):
    with pytest.raises(ConfigurationError, match="no_such"):
        run(ends, schemas=("no_such",))
    result = run(ends, schemas=("Mixed Case",))
    assert [entry["name"] for entry in result.tables] == ["Order"]
    assert not run(ends, schemas=("Mixed Case",)).plan.changes


def test_upgraded_target_is_left_alone_while_rows_are_equal(ends):
    on(
        ends.source_url,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
    )
    run(ends)
    on(
        ends.target_url,
        "UPDATE alembic_version SET version_num = 'two'",
        "ALTER TABLE tree ADD COLUMN added text DEFAULT 'new'",
        "CREATE TABLE added_table (id integer)",
    )
    assert not run(ends).plan.changes
    found = compare_databases(ends.source, ends.target)
    assert found.differences() == []
    assert "column public.tree.added" in [str(key) for key in found.by_upgrade.extra]
    assert compare_databases(ends.source, ends.target, expect_upgraded=False).differences()
    on(ends.source_url, "INSERT INTO empty (note) VALUES ('written after the copy')")
    with pytest.raises(RefusedError, match=r"upgraded to revision two .* table public\.empty"):
        run(ends)


def test_copy_is_one_moment_of_a_source_that_is_written_to(ends):
    """Rows that come in while tables are copied are not in the copy, and the keys hold."""

    def disturb(kind, **fields):
        if kind == "table.copied":
            on(
                ends.source_url,
                "INSERT INTO tree SELECT max(id) + 1, max(id) FROM tree",
                'INSERT INTO "Mixed Case"."Order" VALUES (99)',
            )

    clone_database(ends.source, ends.target, CloneOptions(jobs=1), check=False, emit=disturb)
    assert on(ends.target_url, "SELECT count(*) FROM tree") == [(3,)]
    assert on(ends.target_url, 'SELECT count(*) FROM "Mixed Case"."Order"') == [(53,)]


def test_what_is_not_copied_is_named(ends):
    on(
        ends.source_url,
        "CREATE PUBLICATION p FOR TABLE tree",
        "CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION et()",
        "GRANT SELECT ON tree TO master",
        f"ALTER DATABASE {ends.source_name} SET work_mem = '8MB'",
    )
    kinds = {one.kind for one in run(ends).plan.not_copied}
    assert kinds - {"owner of an event trigger"} == {
        "publication",
        "event trigger",
        "privileges",
        "settings",
        "owner",
    }
    assert not run(ends).plan.changes


@pytest.fixture
def several(databases, monkeypatch):
    """Return two ends, the source with tables in several parts that refer to each other."""
    monkeypatch.setattr(chunks, "COPY_BYTES", 100_000)
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE part (id int PRIMARY KEY, note text)",
        "CREATE TABLE whole (id int PRIMARY KEY, part int NOT NULL REFERENCES part DEFERRABLE, note text)",
        "INSERT INTO part SELECT i, repeat('x', 50) FROM generate_series(1, 5000) i",
        "INSERT INTO whole SELECT i, 1 + i % 5000, repeat('y', 50) FROM generate_series(1, 20000) i",
        "CREATE INDEX whole_part ON whole (part)",
        "CREATE UNIQUE INDEX whole_note ON whole (note, id)",
        "ALTER TABLE whole REPLICA IDENTITY USING INDEX whole_pkey",
        "VACUUM ANALYZE",
    )
    return ends


def test_large_tables_travel_in_parts(several):
    result = run(several)
    parts = {entry["name"]: entry["parts"] for entry in result.tables}
    assert parts["whole"] > parts["part"] > 1
    assert {one.table.name: one.rows for one in result.copied} == {"part": 5000, "whole": 20000}
    assert f"in {parts['whole']} parts" in "".join(result.plan.lines())
    assert compare_databases(several.source, several.target).differences() == []
    analyzed = "SELECT count(*) FROM pg_stats WHERE tablename = 'whole'"
    assert on(several.target_url, analyzed) == [(3,)]


def test_foreign_keys_are_there_before_the_rows_that_refer(several):
    seen = []
    clone_database(
        several.source,
        several.target,
        CloneOptions(),
        check=False,
        emit=lambda kind, **fields: seen.append(fields.get("what") or f"{kind} {fields.get('table')}"),
    )
    key = next(index for index, what in enumerate(seen) if what.startswith("FK CONSTRAINT public whole"))
    assert seen.index("table.copied public.part") < key < seen.index("table.started public.whole")


def test_without_the_right_to_switch_triggers_off_keys_are_checked_afterwards(several, postgres_server):
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("DROP ROLE IF EXISTS plain")
        session.execute("CREATE ROLE plain LOGIN PASSWORD 'test'")
        session.execute(f"ALTER DATABASE {several.target_name} OWNER TO plain")
    several.target = connection.parse(postgres_server.url(several.target_name, "plain", "test"))
    seen = []
    clone_database(
        several.source,
        several.target,
        CloneOptions(),
        check=False,
        emit=lambda kind, **fields: seen.append(fields.get("what") or f"{kind} {fields.get('table')}"),
    )
    key = next(index for index, what in enumerate(seen) if what.startswith("FK CONSTRAINT public whole"))
    assert seen.index("table.copied public.whole") < key
    assert compare_databases(several.source, several.target).differences() == []
    on(several.source_url, "DELETE FROM whole", "DELETE FROM part")
    run(several, on_target_rows="replace", consent=several.target_name)
    assert compare_databases(several.source, several.target).differences() == []


def test_writers_at_full_speed_do_not_get_into_the_copy(several):
    """Rows come and go in both tables all the while: the keys hold, and the rows are of one moment."""
    stop = threading.Event()

    def write():
        with psycopg.connect(several.source_url, autocommit=True) as session:
            number = 5000
            while not stop.is_set():
                number += 1
                with session.transaction():
                    session.execute("INSERT INTO part VALUES (%s, 'new')", [number])
                    session.execute("INSERT INTO whole VALUES (%s, %s, 'new')", [number + 20000, number])
                    session.execute("UPDATE whole SET note = note || %s WHERE id = %s", ["+", number])
                    session.execute("DELETE FROM whole WHERE id = %s", [number - 4000])

    writers = [threading.Thread(target=write, daemon=True)]
    for one in writers:
        one.start()
    try:
        run(several)
    finally:
        stop.set()
        for one in writers:
            one.join(30)
    (counts,) = on(
        several.target_url,
        "SELECT (SELECT count(*) FROM part), (SELECT count(*) FROM whole),"
        " (SELECT count(*) FROM whole w LEFT JOIN part p ON p.id = w.part WHERE p.id IS NULL),"
        " (SELECT sum(length(note) - 50) FROM whole WHERE id BETWEEN 4000 AND 20000)",
    )
    new = counts[0] - 5000
    # One row more and one less with each transaction of the writer (its first deletes find row 1001).
    assert counts[1] == 20000
    assert counts[2] == 0
    assert counts[3] == new - sum(1 for number in range(1001, 1001 + new) if number >= 4000)


def test_values_of_many_megabytes_arrive(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE blobs (id int PRIMARY KEY, b bytea, t text)",
        "INSERT INTO blobs SELECT i, convert_to(repeat('abcdefgh', 2000000), 'UTF8'), repeat('z', 9000000)"
        " FROM generate_series(1, 3) i",
    )
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_a_revision_is_found_in_a_table_of_the_projects_own(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute("CREATE SCHEMA ops")
        session.execute("CREATE TABLE ops.revisions (version_num varchar(32) PRIMARY KEY)")
        session.execute("CREATE TABLE t (id int PRIMARY KEY)")
        session.execute("INSERT INTO ops.revisions VALUES ('one'); INSERT INTO t VALUES (1)")
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute("UPDATE ops.revisions SET version_num = 'two'; ALTER TABLE t ADD note text")
        session.execute(f"CREATE SCHEMA later; ALTER DATABASE {ends.target_name} SET timezone = 'UTC'")
    again = clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert (again.plan.situation, again.plan.changes) == ("upgraded", False)
    found = compare_databases(ends.source, ends.target)
    assert (found.upgraded, found.differences()) == (True, [])
    assert ("rows", "revisions") in {(one.kind, one.name) for one in found.not_compared}
    stopped = f"ALTER DATABASE {ends.target_name} SET default_transaction_read_only = on"
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute(stopped)
    (line,) = compare_databases(ends.source, ends.target).differences()
    assert line.startswith("setting of the database default_transaction_read_only")
