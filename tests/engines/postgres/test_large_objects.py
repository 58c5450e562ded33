"""Large objects come under their numbers, whole or not at all, without a superuser."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import RefusedError
from engines.events import emit
from engines.postgres import clone_database, compare_databases, large_objects
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from engines.postgres.session.errors import PostgresError

SIZES = {
    11: 0,
    12: 1,
    13: 32 * 1024,
    14: 32 * 1024 + 1,
    15: 1024 * 1024,
    16: 3 * 1024 * 1024 + 7,
    4294967295: 5,
}


def run(ends, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=False, emit=emit)


def on(url, statement, *parameters):
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def filled(databases):
    """Return the ends of a copy; the source has large objects of every size about a limit."""
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute("CREATE TABLE t (id int)")
        for number, size in SIZES.items():
            session.execute("SELECT lo_from_bytea(%s, %s)", [number, bytes(range(256)) * (size // 256 + 1)])
            session.execute("SELECT lowrite(lo_open(%s, 131072), '')", [number])
            with session.transaction():
                session.execute("SELECT lo_truncate64(lo_open(%s, 131072), %s)", [number, size])
        for number in range(100, 200):
            session.execute("SELECT lo_from_bytea(%s, %s)", [number, str(number).encode()])
        session.execute("COMMENT ON LARGE OBJECT 16 IS 'it''s 100%% large'")
    return ends


def test_they_arrive_byte_for_byte(filled):
    result = run(filled)
    assert result.plan.large_objects == 107
    assert "copy 107 large objects" in result.plan.lines()
    query = "SELECT oid::bigint, lo_get(oid), obj_description(oid) FROM pg_largeobject_metadata ORDER BY 1"
    assert on(filled.source_url, query) == on(filled.target_url, query)
    sizes = on(filled.target_url, "SELECT oid::bigint, length(lo_get(oid)) FROM pg_largeobject_metadata")
    assert SIZES.items() <= dict(sizes).items()
    assert compare_databases(filled.source, filled.target).differences() == []
    assert not run(filled).plan.changes


def test_a_copy_that_was_cut_is_finished_and_what_is_equal_is_kept(filled):
    def cut(kind, **fields):
        if kind == "large_objects.moving" and fields["count"] >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clone_database(filled.source, filled.target, CloneOptions(), check=False, emit=cut)
    ((there,),) = on(filled.target_url, "SELECT count(*) FROM pg_largeobject_metadata")
    assert there == 64
    assert run(filled).plan.large_objects == 107 - 64
    assert compare_databases(filled.source, filled.target).differences() == []


def test_what_is_not_the_sources_is_found_refused_and_replaced_by_consent(filled):
    run(filled)
    on(filled.target_url, "SELECT lo_put(16, 2097152, 'x'), lo_put(4294967295, 5, 'x'), lo_create(5)")
    on(filled.target_url, "COMMENT ON LARGE OBJECT 12 IS 'a comment too'")
    assert compare_databases(filled.source, filled.target).differences() == [
        "large object 5: only on the target",
        "large object 12: other contents",
        "large object 16: other contents",
        "large object 4294967295: other contents",
    ]
    with pytest.raises(RefusedError) as refused:
        run(filled)
    assert [one.rpartition(" ")[2] for one in refused.value.details] == ["5", "12", "16", "4294967295"]
    run(filled, on_target_rows="replace", consent=filled.target_name)
    assert compare_databases(filled.source, filled.target).differences() == []


def test_one_that_is_missing_is_found_and_copied(filled):
    run(filled)
    on(filled.target_url, "SELECT lo_unlink(150)")
    assert compare_databases(filled.source, filled.target).differences() == [
        "large object 150: not on the target"
    ]
    assert run(filled).plan.large_objects == 1


def test_checksum_counts_and_sees_swapped_contents(filled):
    with connection.session(filled.source) as session:
        before = large_objects.fingerprint(session)
        assert before.count == large_objects.count(session) == 107
        session.execute("SELECT lo_put(101, 0, '102'), lo_put(102, 0, '101')")
        assert large_objects.fingerprint(session) != before


def test_one_that_may_not_be_read_is_named_before_anything_is_copied(filled):
    on(filled.source_url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO master")
    url = filled.source_url.replace("postgres:postgres@", "master:s3cr%3At%2F%40@")
    filled.source = connection.parse(url)
    with pytest.raises(PostgresError, match=r"107 large objects may not be read, such as 11\. GRANT"):
        run(filled)
    assert on(filled.target_url, "SELECT relname FROM pg_class WHERE relname = 't'") == []


def test_only_some_schemas_leave_them_behind_by_name(filled):
    left = {(one.kind, one.name) for one in run(filled, schemas=("public",)).plan.not_copied}
    assert ("large objects", "107") in left
    assert compare_databases(filled.source, filled.target, schemas=("public",)).differences() == []
