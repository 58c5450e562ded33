"""A comparison finds every difference, and raises no false alarm."""

from __future__ import annotations

import json

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases, require_equal
from engines.postgres.checksum import parallel_scan
from engines.postgres.diff.report import evidence, report
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from engines.postgres.session.errors import NotEqualError

INJECTED = {
    "a row of a materialized view": (
        # The view is filled with a row that its query would not give.
        """CREATE TABLE "Mixed Case"."Held" AS TABLE "Mixed Case"."Order";
           DELETE FROM "Mixed Case"."Order"; REFRESH MATERIALIZED VIEW totals;
           INSERT INTO "Mixed Case"."Order" TABLE "Mixed Case"."Held"; DROP TABLE "Mixed Case"."Held" """,
        "materialized view public.totals: 1 rows on both sides",
    ),
    "a value": ("UPDATE kinds SET n = 3 WHERE id = 1", "table public.kinds"),
    "the sign of zero": ("UPDATE kinds SET f = 0.0 WHERE id = 3", "table public.kinds"),
    "NULL for empty": ("UPDATE kinds SET t = NULL WHERE id = 2", "table public.kinds"),
    "a scale": ("UPDATE kinds SET num = 1.1 WHERE id = 2", "table public.kinds"),
    "a microsecond": ("UPDATE kinds SET ts = ts + '1 microsecond' WHERE id = 2", "table public.kinds"),
    "a byte": (r"UPDATE kinds SET bin = '\x00ff5d' WHERE id = 1", "table public.kinds"),
    "a trailing space": (
        """UPDATE "Mixed Case"."Order" SET "Sp ace" = 'v7 ' WHERE "select" = 7""",
        "table Mixed Case.Order",
    ),
    "a swapped pair": (
        """UPDATE "Mixed Case"."Order" SET "select" = 15 - "select" WHERE "select" IN (7, 8)""",
        "table Mixed Case.Order",
    ),
    "a row missing": ("DELETE FROM measured_note", "table public.measured_note"),
    "a row extra": ("INSERT INTO tree VALUES (9, 1)", "table public.tree"),
    "one of two equal rows": (
        """DELETE FROM "Mixed Case"."Order" WHERE ctid = (
           SELECT min(ctid) FROM "Mixed Case"."Order" WHERE "Sp ace" = 'same')""",
        "table Mixed Case.Order",
    ),
    "a row without columns": ("INSERT INTO no_columns DEFAULT VALUES", "table public.no_columns"),
    "a row in the parent": ("INSERT INTO animal VALUES ('crow')", "table public.animal"),
    "a sequence behind": ("SELECT setval('kinds_id_seq', 1)", "sequence public.kinds_id_seq"),
    "an index": ('DROP INDEX "Mixed Case"."Odd Index"', 'index "Mixed Case"."Odd Index"'),
    "a key": ("ALTER TABLE wife DROP CONSTRAINT wife_husband_fkey", "foreign key public.wife"),
    "a default": ('ALTER TABLE "Mixed Case"."Order" ALTER "quo""te" DROP DEFAULT', "default"),
    "a function": (
        "CREATE OR REPLACE FUNCTION other.double(integer) RETURNS integer LANGUAGE sql AS 'SELECT 3'",
        "function other.double(integer)",
    ),
    "a label": ("ALTER TYPE other.mood ADD VALUE 'furious'", "enum other.mood"),
    "a trigger": ("ALTER TABLE logged ENABLE TRIGGER note_off", "trigger public.logged.note_off"),
    "a view": ("CREATE OR REPLACE VIEW moods AS SELECT id, mood FROM kinds", "view definition public.moods"),
    "a policy": ("DROP POLICY mine ON guarded", "policy public.guarded.mine"),
    "a comment": ("COMMENT ON TABLE kinds IS 'other'", "comment table public.kinds"),
    "a table more": ("CREATE TABLE more (id integer)", "table public.more"),
    "a table less": ("DROP TABLE measured_note", "table public.measured_note"),
}


@pytest.fixture(scope="module")
def copied(postgres_server, hostile_template):
    """Return the names of two equal databases, to make copies of."""
    for name in ("equal_source", "equal_target"):
        with psycopg.connect(postgres_server.url(), autocommit=True) as session:
            session.execute(f"CREATE DATABASE {name} TEMPLATE {hostile_template}")
    return ("equal_source", "equal_target")


def ends_of(postgres_server, names):
    return [connection.parse(postgres_server.url(name)) for name in names]


def test_equal_databases_are_equal(postgres_server, copied):
    for jobs in (1, 3):
        assert compare_databases(*ends_of(postgres_server, copied), jobs=jobs).differences() == []


def test_a_clone_is_equal_in_both_directions(ends):
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.target, ends.source).differences() == []


@pytest.mark.parametrize("name", INJECTED)
def test_an_injected_difference_is_found_and_nothing_else(postgres_server, copied, name):
    statement, found = INJECTED[name]
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("DROP DATABASE IF EXISTS injected")
        session.execute(f"CREATE DATABASE injected TEMPLATE {copied[1]}")
    with psycopg.connect(postgres_server.url("injected"), autocommit=True) as session:
        session.execute(statement)
    result = compare_databases(*ends_of(postgres_server, (copied[0], "injected")))
    assert not result.equal
    assert any(line.startswith(found) for line in result.differences()), result.differences()
    rows = [one.table for one in result.tables if not one.equal]
    assert len(rows) <= 1, rows


CHANGED = (
    "column public.kinds.n: defined differently, the source's (wanted): integer, "
    "the target's: integer {n_distinct=5}"
)


@pytest.mark.parametrize(
    ("kept", "reported"),
    [("{pg_attver=7}", []), ("{pg_attver=7,n_distinct=5}", [CHANGED])],
)
def test_the_number_that_a_server_keeps_of_a_column_is_no_difference(postgres_server, copied, kept, reported):
    # PostgreSQL 15.20 keeps one in the options of each column. This server may be older.
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("DROP DATABASE IF EXISTS numbered")
        session.execute(f"CREATE DATABASE numbered TEMPLATE {copied[1]}")
    with psycopg.connect(postgres_server.url("numbered"), autocommit=True) as session:
        session.execute(
            "UPDATE pg_attribute SET attoptions = %s "
            "WHERE attrelid = 'kinds'::regclass AND attname = 'n' AND attnum > 0",
            [kept],
        )
    assert compare_databases(*ends_of(postgres_server, (copied[0], "numbered"))).differences() == reported


def test_evidence_is_small_plain_and_without_secrets(ends):
    found = compare_databases(ends.source, ends.target)
    with pytest.raises(NotEqualError) as refused:
        require_equal(found, ends.target)
    assert "table public.tree: it, or a column of it, is not on the target" in refused.value.details
    kept = evidence(found, ends.source, ends.target)
    text = json.dumps(kept)
    assert "s3cr" not in text
    assert kept["tables"]["public.tree"]["rows"] == 3
    assert kept["equal"] is False
    assert "hashtextextended" in kept["algorithm"]
    assert kept["source"]["snapshot"].count(":") == 2
    assert kept["apart"]["count"] >= len(kept["apart"]["first"])
    assert len(text) < 8000


def test_a_view_that_the_source_should_refresh_is_no_difference(ends):
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    for url in (ends.source_url, ends.target_url):
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("""DELETE FROM "Mixed Case"."Order" WHERE "select" = 9""")
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute("REFRESH MATERIALIZED VIEW totals")
    found = compare_databases(ends.source, ends.target)
    assert found.differences() == []
    (view,) = found.views
    assert (view.source != view.target, view.refreshed, view.equal) == (True, True, True)
    assert any("once the source's is refreshed" in line for line in report(found))
    assert evidence(found, ends.source, ends.target)["materialized_views"]["public.totals"]["refreshed"]


def test_what_is_not_compared_is_named(ends):
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute("REFRESH MATERIALIZED VIEW not_filled")
    found = compare_databases(ends.source, ends.target, exclude_tables=["tree"])
    named = {(one.kind, one.name) for one in found.not_compared}
    assert {("relation", "public.tree"), ("rows of materialized view", "public.not_filled")} <= named
    # That it is filled on one side is a difference of its own.
    assert "rows of materialized view public.not_filled: not on the target" in found.differences()
    assert any(line.startswith("not compared: relation public.tree (") for line in report(found))


def test_a_table_is_held_while_it_is_read_in_parts(ends, monkeypatch):
    """Rewriting a table would move its rows from parts that were read to parts that are read next."""
    waited = []

    def rewrite(*arguments, **options):
        with psycopg.connect(ends.source_url, autocommit=True) as session:
            session.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                session.execute('VACUUM FULL "Mixed Case"."Order"')
            waited.append(True)
        return of_tables(*arguments, **options)

    of_tables = parallel_scan.of_tables
    monkeypatch.setattr(parallel_scan, "of_tables", rewrite)
    compare_databases(ends.source, ends.source)
    assert waited


def test_two_encodings_cannot_be_compared_by_bytes(postgres_server, ends):
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE of_latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(ConfigurationError, match="LATIN1"):
        compare_databases(ends.source, connection.parse(postgres_server.url("of_latin")))


def test_a_value_whose_text_would_be_too_long_is_compared(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        # LZ4, where the server has it: its own compression takes most of this test's time.
        [(methods,)] = session.execute(
            "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
        ).fetchall()
        way = "COMPRESSION lz4" if "lz4" in methods else ""
        session.execute(f"CREATE TABLE large (id int PRIMARY KEY, v bytea {way})")
        # The text of a bytea has twice its bytes, and no text has more than 1 GB.
        session.execute("INSERT INTO large SELECT 1, convert_to(repeat('x', 540 * 1024 * 1024), 'UTF8')")
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute("UPDATE large SET v = set_byte(v, 500000000, 65)")
    (line,) = compare_databases(ends.source, ends.target).differences()
    assert "changed at id 1" in line
