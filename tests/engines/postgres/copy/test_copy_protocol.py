"""Rows go on as they come: of any size, and whatever either side says meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

from engines.postgres.copy.copy_statements import CopyStatements
from engines.postgres.copy.copy_stream import CopyStream
from engines.postgres.session import asyncpg_params, connection
from engines.postgres.session.errors import PostgresError, UnreachableError

# ruff: noqa: S608 - statements of the test's own


@pytest.fixture
def relay(ends):
    """Return a relay between the two ends, and what it heard of bytes."""
    names = ("source", "target")
    with connection.session(ends.source) as here, connection.session(ends.target) as there:
        given = [
            asyncpg_params.arguments(address, session, purpose="test")
            for address, session in ((ends.source, here), (ends.target, there))
        ]
    found = CopyStream(*given, names=names, start_source=(), start_target=())
    yield found
    found.close()


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def way(query, into, form="binary", **more):
    return CopyStatements(
        (f"COPY ({query}) TO STDOUT (FORMAT {form})",), (f"COPY {into} FROM STDIN (FORMAT {form})",), **more
    )


@pytest.mark.parametrize("form", ["binary", "text"])
@pytest.mark.parametrize(
    ("rows", "width"), [(0, 1), (1, 0), (200_000, 3), (40, 70_000), (3, 5_000_000), (1, 262_144 - 30)]
)
def test_rows_of_any_size_arrive(relay, ends, form, rows, width):
    on(ends.target_url, "CREATE TABLE t (id int, v text)")
    query = f"SELECT i, repeat(chr(65 + i % 26), {width}) FROM generate_series(1, {rows}) i"
    heard = []
    assert relay.copy(way(query, "public.t", form), lambda _, size: heard.append(size)) == [rows]
    assert sum(heard) >= rows * width
    expected = on(ends.source_url, f"SELECT count(*), sum(hashtext(v || i)) FROM ({query}) q (i, v)")
    assert on(ends.target_url, "SELECT count(*), sum(hashtext(v || id)) FROM t") == expected


def test_one_relay_copies_again_and_again(relay, ends):
    on(ends.target_url, "CREATE TABLE t (id int)")
    for number in range(20):
        before = (f"INSERT INTO public.t VALUES ({number})",)
        assert relay.copy(way("SELECT 1", "public.t", before=before), lambda *_: None) == [1]
    assert on(ends.target_url, "SELECT count(*) FROM t") == [(40,)]


def test_many_tables_are_copied_at_once(relay, ends):
    """Each in its own form, some without rows, one as large as others are together."""
    numbers = range(30)
    on(ends.target_url, *(f"CREATE TABLE t{number} (id int, v text)" for number in numbers))
    counts = [20_000 if number == 7 else number % 3 for number in numbers]
    pairs = [
        way(f"SELECT i, 'x' FROM generate_series(1, {count}) i", f"public.t{number}", form)
        for number, count in zip(numbers, counts, strict=True)
        for form in ["binary" if number % 2 else "text"]
    ]
    heard = dict.fromkeys(numbers, 0)

    def on_bytes(number, size):
        heard[number] += size

    both = CopyStatements(
        tuple(one.reading[0] for one in pairs),
        tuple(one.writing[0] for one in pairs),
        after=("INSERT INTO public.t0 VALUES (-1, 'after')",),
    )
    assert relay.copy(both, on_bytes) == counts
    assert [on(ends.target_url, f"SELECT count(*) FROM t{number}")[0][0] for number in numbers[1:]] == counts[
        1:
    ]
    assert on(ends.target_url, "SELECT id FROM t0") == [(-1,)]
    assert heard[7] > 20_000
    assert heard[1] > 0


@pytest.mark.parametrize("number", [0, 1, 2])
def test_many_tables_of_which_one_fails_arrive_not_at_all(relay, ends, number):
    on(
        ends.target_url,
        *(f"CREATE TABLE t{n} (id int CHECK (id < {3 if n == number else 9}))" for n in range(3)),
    )
    both = CopyStatements(
        tuple("COPY (SELECT generate_series(1, 5)) TO STDOUT" for _ in range(3)),
        tuple(f"COPY public.t{n} FROM STDIN" for n in range(3)),
    )
    with pytest.raises(PostgresError, match="violates check constraint"):
        relay.copy(both, lambda *_: None)
    relay.close()
    assert on(ends.target_url, "SELECT FROM t0 UNION ALL SELECT FROM t1 UNION ALL SELECT FROM t2") == []


def test_notices_in_between_are_no_rows(relay, ends):
    on(
        ends.source_url,
        "CREATE FUNCTION talk(i int) RETURNS int LANGUAGE plpgsql AS"
        " $$BEGIN RAISE NOTICE 'row %', i; RETURN i; END$$",
    )
    on(ends.target_url, "CREATE TABLE t (id int)")
    query = "SELECT public.talk(i) FROM generate_series(1, 5000) i"
    assert relay.copy(way(query, "public.t"), lambda *_: None) == [5000]
    assert on(ends.target_url, "SELECT count(DISTINCT id) FROM t") == [(5000,)]


@pytest.mark.parametrize(
    ("query", "into", "message"),
    [
        ("SELECT i FROM generate_series(1, 900000) i", "public.few", "target: .*few_id_check"),
        ("SELECT 10 / (700000 - i) FROM generate_series(1, 900000) i", "public.any", "source: division by"),
        ("SELECT i FROM nowhere", "public.any", "source: relation .nowhere. does not exist"),
        ("SELECT 1", "public.nowhere", "target: relation .public.nowhere. does not exist"),
        ("SELECT 1, 2", "public.any", "target: row field count"),
    ],
)
def test_either_side_may_refuse_and_nothing_is_kept(relay, ends, query, into, message):
    on(ends.target_url, "CREATE TABLE few (id int CHECK (id < 500000))", 'CREATE TABLE "any" (id int)')
    with pytest.raises(PostgresError, match=message) as caught:
        relay.copy(way(query, into.replace("any", '"any"')), lambda *_: None)
    assert "500000" not in str(caught.value)
    relay.close()
    assert on(ends.target_url, 'SELECT (SELECT count(*) FROM few) + (SELECT count(*) FROM "any")') == [(0,)]


@pytest.mark.parametrize("side", ["source_url", "target_url"])
def test_a_side_that_is_cut_off_is_said(relay, ends, postgres_server, side):
    on(ends.target_url, "CREATE TABLE t (id int)")
    database = ends.source_name if side == "source_url" else ends.target_name
    cut = []

    def on_bytes(size):
        if not cut:
            cut.append(size)
            on(
                postgres_server.url(),
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
            )

    with pytest.raises(UnreachableError, match="Run the same command again"):
        relay.copy(way("SELECT generate_series(1, 9000000)", "public.t"), on_bytes)


@pytest.mark.parametrize("side", ["source_name", "target_name"])
def test_a_side_that_hung_up_before_the_copy_is_said(relay, ends, postgres_server, side):
    on(ends.target_url, "CREATE TABLE t (id int)")
    relay.copy(way("SELECT 1", "public.t"), lambda *_: None)
    theirs = f"pg_stat_activity WHERE datname = '{getattr(ends, side)}'"
    on(postgres_server.url(), f"SELECT pg_terminate_backend(pid, 5000) FROM {theirs}")
    with pytest.raises(UnreachableError, match="Run the same command again"):
        relay.copy(way("SELECT 1", "public.t"), lambda *_: None)


MEASURED = """
import os, pathlib
from engines.events import emit
from engines.postgres.session import connection
from engines.postgres import clone_database
from engines.postgres.plan import CloneOptions
ends = [connection.parse(os.environ[name]) for name in ("SOURCE", "TARGET")]
clone_database(*ends, CloneOptions(jobs=2), check=False, emit=emit)
status = pathlib.Path("/proc/self/status").read_text()
# Not ru_maxrss: that remembers what the process that started this one held.
print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_values(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE a AS SELECT convert_to(repeat('abcdefgh', 6000000), 'UTF8') AS b"
        " FROM generate_series(1, 2)",
        "CREATE TABLE c AS TABLE a",
    )
    environment = os.environ | {"SOURCE": ends.source_url, "TARGET": ends.target_url}
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 120
