"""Indexes that revisions build concurrently: built, cut off, found, named, and built again."""

from __future__ import annotations

import psycopg
import pytest

from engines.events import emit
from engines.postgres.session import connection
from engines.schema import invalid_indexes
from engines.schema.apply import upgrade
from engines.schema.errors import SchemaError
from engines.schema.invalid_indexes import Index
from engines.schema.model import Options

VALID = "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid ORDER BY 1"


def build(name, *, table="one", column="id", more=""):
    return (
        "with op.get_context().autocommit_block(): "
        f"op.create_index({name!r}, {table!r}, [{column!r}], postgresql_concurrently=True{more})"
    )


def run(database, project, *, check=False, **options):
    return upgrade(database, Options(config=project.config, **options), check=check, emit=emit)


def names(result):
    return [one.revision for one in result.applied]


@pytest.fixture
def duplicates(database, project, query):
    """Return the project, whose table ``one`` holds a row twice: a unique index on it cannot be built."""
    run(database, project)
    query("INSERT INTO one VALUES (1), (1)")
    project.revision("r3", "r2", build("fast", more=", unique=True"))
    return project


def valid(query):
    return [row for row in query(VALID) if row[0] in {"fast", "old", 'Odd 100% "name"', "unrelated"}]


def test_an_index_can_be_built_concurrently(database, project, query):
    project.revision("r3", "r2", build("fast"))
    assert names(run(database, project)) == ["r1", "r2", "r3"]
    assert valid(query) == [("fast", True)]


def test_a_failed_build_is_named_and_the_next_run_begins_anew(database, duplicates, query):
    with pytest.raises(SchemaError) as caught:
        run(database, duplicates)
    assert "could not create unique index" in str(caught.value)
    assert "The database is left at r2; r3 commits on its way, so part of it may be done" in str(caught.value)
    assert "Left invalid: index public.fast" in str(caught.value)
    assert "It drops the invalid index first" in caught.value.remedy
    assert caught.value.details["may_be_half_done"]
    assert caught.value.details["invalid_indexes"] == ["public.fast"]

    planned = run(database, duplicates, check=True)
    assert planned.sql.startswith("DROP INDEX CONCURRENTLY public.fast;\n")
    assert valid(query) == [("fast", False)]

    query("DELETE FROM one")
    done = run(database, duplicates)
    assert ([str(one) for one in done.dropped], done.invalid, done.after) == (["public.fast"], (), ("r3",))
    assert valid(query) == [("fast", True)]


def test_a_build_that_skips_what_is_there_does_not_keep_an_invalid_index(database, duplicates, query):
    """CREATE INDEX … IF NOT EXISTS is content with an invalid one, and says nothing."""
    duplicates.revision("r3", "r2", build("fast", more=", unique=True, if_not_exists=True"))
    with pytest.raises(SchemaError, match=r"Left invalid: index public\.fast"):
        run(database, duplicates)
    query("DELETE FROM one")
    assert names(run(database, duplicates)) == ["r3"]
    assert valid(query) == [("fast", True)]


def test_an_odd_name_is_found_and_dropped_too(database, duplicates, query):
    name = 'Odd 100% "name"'
    duplicates.revision("r3", "r2", build(name, more=", unique=True"))
    with pytest.raises(SchemaError, match="Left invalid"):
        run(database, duplicates)
    query("DELETE FROM one")
    assert [str(one) for one in run(database, duplicates).dropped] == ['public."Odd 100% ""name"""']
    assert valid(query) == [(name, True)]


def test_an_invalid_index_that_nobody_builds_is_named_and_left_alone(database, duplicates, query):
    with pytest.raises(psycopg.errors.UniqueViolation):
        query("CREATE UNIQUE INDEX CONCURRENTLY unrelated ON one (id)")
    duplicates.revision("r3", "r2", "pass")
    for _ in range(2):
        result = run(database, duplicates)
        assert [str(one) for one in result.invalid] == ["public.unrelated"]
        assert result.dropped == ()
    assert valid(query) == [("unrelated", False)]


def test_what_a_plan_cannot_render_is_named_with_what_to_do(database, duplicates, query):
    asks = "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()\n    "
    body = asks + build("fast", more=", unique=True")
    duplicates.revision("r3", "r2", body)
    with pytest.raises(SchemaError) as caught:
        run(database, duplicates)
    assert "remove the invalid index: DROP INDEX CONCURRENTLY public.fast;" in caught.value.remedy
    with pytest.raises(SchemaError, match="already exists"):
        run(database, duplicates)


def test_a_revision_that_succeeds_but_leaves_an_index_invalid_is_no_success(database, duplicates, query):
    body = build("fast", more=", unique=True").replace("with ", "try:\n        with ") + (
        "\n    except Exception:\n        pass"
    )
    duplicates.revision("r3", "r2", body)
    with pytest.raises(SchemaError, match=r"is at r3, but a revision left an index invalid: public\.fast"):
        run(database, duplicates)


def test_a_build_waits_for_older_transactions_longer_than_a_lock_may_take(database, project, query):
    """Under the lock timeout it would give up, and leave an invalid index."""
    run(database, project)
    restored = "op.execute('SELECT 1 / (current_setting($$lock_timeout$$) = $$100ms$$)::int')"
    project.revision("r3", "r2", build("fast") + f"\n    {restored}")
    with connection.session(database) as user:
        user.execute("BEGIN")
        user.execute("INSERT INTO public.one VALUES (1)")
        user.execute("SET LOCAL idle_in_transaction_session_timeout = '1s'")  # the server ends it
        assert names(run(database, project, lock_timeout=0.1)) == ["r3"]
    assert valid(query) == [("fast", True)]


def test_builds_are_recognised_in_sql():
    found = [Index("public", "a", "t"), Index("other", "a", "t"), Index("public", 'B "q"', "My Table")]
    sql = (
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS A ON other.t (x);\n"
        'CREATE INDEX CONCURRENTLY "B ""q""" ON "My Table" USING gin (y); CREATE INDEX b ON t (x);'
    )
    assert invalid_indexes.built_by(sql, found) == (found[1], found[2])
    assert invalid_indexes.built_by("CREATE INDEX CONCURRENTLY a ON t (x)", found) == (found[0], found[1])
    assert invalid_indexes.built_by("CREATE INDEX CONCURRENTLY a ON u (x)", found) == ()
