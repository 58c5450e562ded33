"""A clone is complete, repeatable, and careful with what it finds."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError, RefusedError
from engines.events import emit
from engines.postgres import connection
from engines.postgres.clone import clone
from engines.postgres.compare import compare
from engines.postgres.errors import BusyError, PostgresError, SchemaDiffersError
from engines.postgres.lock import exclusive
from engines.postgres.plan import Options


def run(ends, *, check=False, **options):
    return clone(ends.source, ends.target, Options(**options), check=check, emit=emit)


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_hostile_database_arrives_whole_as_an_ordinary_role(ends):
    result = run(ends)
    found = compare(ends.source, ends.target)
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
    assert planned.moved == ()
    assert on(
        ends.target_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ) == [(0,)]
    done = run(ends)
    assert planned.plan.lines() == done.plan.lines()
    assert run(ends, check=True).plan.lines() == []


def test_source_without_tables_needs_nothing(databases):
    ends = databases(hostile=False)
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
    assert compare(ends.source, ends.target).differences() == []
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
    assert "column public.animal.name: defined differently" in refused.value.details


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


def test_second_clone_at_once_is_told_who_works(ends):
    with (
        connection.session(ends.target, purpose="bmii-migrate pg_clone") as other,
        exclusive(other, seconds=0, subject="target"),
        pytest.raises(BusyError, match=r"another migration works on this database \(bmii-migrate pg_clone"),
    ):
        run(ends, lock_wait=0.1)
    assert run(ends).plan.changes


def test_excluded_tables_and_keys_to_them_stay_behind_by_name(ends):
    result = run(ends, exclude_tables=("husband", '"Mixed Case"."Order"', "totals", "empty"))
    left = {(one.kind, one.name) for one in result.plan.not_carried}
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
    found = compare(ends.source, ends.target)
    assert found.differences() == []
    assert "column public.tree.added" in [str(key) for key in found.by_upgrade.extra]
    assert compare(ends.source, ends.target, expect_upgraded=False).differences()
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

    clone(ends.source, ends.target, Options(jobs=1), check=False, emit=disturb)
    assert on(ends.target_url, "SELECT count(*) FROM tree") == [(3,)]
    assert on(ends.target_url, 'SELECT count(*) FROM "Mixed Case"."Order"') == [(53,)]


def test_what_is_not_carried_is_named(ends):
    on(
        ends.source_url,
        "CREATE PUBLICATION p FOR TABLE tree",
        "CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION et()",
        "GRANT SELECT ON tree TO master",
        f"ALTER DATABASE {ends.source_name} SET work_mem = '8MB'",
    )
    kinds = {one.kind for one in run(ends).plan.not_carried}
    assert kinds == {"publication", "event trigger", "privileges", "settings", "owner"}
    assert not run(ends).plan.changes
