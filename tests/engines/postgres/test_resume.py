"""A clone that is killed at any step is finished by the same call, and nothing is doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import psycopg
import pytest

from engines.errors import ConfigurationError, RefusedError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import chunks
from engines.postgres.copy import task_graph
from engines.postgres.copy.worker import PURPOSE
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from engines.postgres.session.errors import BusyError, PostgresError

# Kills itself, as `kill -9` would, when the given event comes for the given time.
KILLED = """
import os, signal, sys
from engines.postgres.catalog import chunks
from engines.postgres import clone_database
from engines.postgres.copy import task_graph
from engines.postgres.copy.progress import counts
from engines.postgres.plan import CloneOptions
from engines.postgres.session import connection

kind, count = sys.argv[1], int(sys.argv[2])
chunks.COPY_BYTES, counts.EVERY_BYTES, task_graph.SMALL = 100_000, 1, 100_000
seen = 0

def emit(found, **fields):
    global seen
    seen += found == kind
    if seen == count:
        os.kill(os.getpid(), signal.SIGKILL)

ends = [connection.parse(os.environ[name]) for name in ("SOURCE", "TARGET")]
clone_database(*ends, CloneOptions(), check=False, emit=emit)
"""


def kill_at(ends, kind, count):
    environment = os.environ | {"SOURCE": ends.source_url, "TARGET": ends.target_url}
    command = [sys.executable, "-c", KILLED, kind, str(count)]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def run(ends, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=False, emit=emit)


def actions(result):
    return {entry["name"]: entry["action"] for entry in result.tables}


@pytest.fixture
def large(ends, monkeypatch):
    """Return the two ends, with a table in several parts, and another that refers to it."""
    monkeypatch.setattr(chunks, "COPY_BYTES", 100_000)
    monkeypatch.setattr(task_graph, "SMALL", 100_000)
    on(
        ends.source_url,
        "CREATE TABLE large (id int PRIMARY KEY, t text UNIQUE)",
        "INSERT INTO large SELECT i, 'text ' || i FROM generate_series(1, 10000) i",
        "CREATE TABLE child (id int PRIMARY KEY, large int REFERENCES large)",
        "INSERT INTO child SELECT i, i FROM generate_series(1, 10000) i",
        "ANALYZE large, child",
    )
    return ends


def is_finished(ends):
    assert compare_databases(ends.source, ends.target).differences() == []
    there = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bmii%'"
    assert on(ends.target_url, there) == [(0,)]
    return not run(ends).plan.changes


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("clone.planned", 1),
        ("schema.created", 1),
        ("table.started", 1),
        ("table.moving", 2),
        ("table.moving", 9),
        ("table.copied", 3),
        ("table.copied", 12),
        ("clone.progress", 8),  # how many there are depends on how much the socket gives at once
        ("schema.step", 1),
        ("schema.step", 2),
        ("schema.step", 19),
        ("schema.step", 37),
        ("schema.step", 42),
        ("schema.step", 47),
    ],
)
def test_same_call_finishes_a_killed_one(large, kind, count):
    assert kill_at(large, kind, count) == -signal.SIGKILL
    finished = run(large)
    assert finished.plan.changes
    assert is_finished(large)


def test_what_is_there_is_not_copied_again(large):
    assert kill_at(large, "schema.step", 42) == -signal.SIGKILL
    finished = run(large)
    assert finished.plan.situation == "unfinished"
    assert finished.copied == ()
    assert "end a copy that was interrupted" in finished.plan.lines()
    never = "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NULL AND relname = 'large'"
    assert on(large.target_url, never) == [(0,)]


def test_what_we_brought_is_replaced_without_asking(large):
    """Half a table, and a source that went on meanwhile."""
    assert kill_at(large, "table.moving", 5) == -signal.SIGKILL
    on(large.source_url, "UPDATE large SET t = t || ' changed' WHERE id % 2 = 0", "DELETE FROM child")
    finished = run(large)
    assert "recopy" in set(actions(finished).values())
    assert "replace" not in set(actions(finished).values())
    assert is_finished(large)


def half_a_table(ends):
    """Leave the target with some parts of the table ``large``."""

    def cut(kind, **fields):
        if kind == "schema.step" and "large_pkey" in fields["what"]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=cut)
    on(ends.target_url, "DELETE FROM bmii_migrate_copy.parts p WHERE ctid = (SELECT max(ctid) FROM "
       "bmii_migrate_copy.parts WHERE name = 'large')")  # fmt: skip
    on(ends.target_url, "DELETE FROM large WHERE xmin::text::bigint NOT IN "
       "(SELECT transaction FROM bmii_migrate_copy.parts WHERE name = 'large')")  # fmt: skip


@pytest.mark.parametrize(
    "theirs",
    [
        "INSERT INTO large VALUES (-1, 'mine')",
        "UPDATE large SET t = 'mine' WHERE id = (SELECT min(id) FROM large)",  # whichever are there
    ],
)
def test_what_others_wrote_into_half_a_table_is_refused(large, theirs):
    half_a_table(large)
    assert (
        actions(clone_database(large.source, large.target, CloneOptions(), check=True, emit=emit))["large"]
        == "recopy"
    )
    on(large.target_url, theirs)
    with pytest.raises(RefusedError, match=r"table public\.large"):
        run(large)
    assert on(large.target_url, "SELECT count(*) FROM large WHERE t = 'mine'") == [(1,)]
    run(large, on_target_rows="replace", consent=large.target_name)
    assert is_finished(large)


def test_rows_of_a_finished_copy_are_not_ours_any_more(large):
    run(large)
    on(large.source_url, "DELETE FROM child WHERE id = 1")
    with pytest.raises(RefusedError, match=r"table public\.child"):
        run(large)


def test_an_unfinished_target_is_no_source(large):
    half_a_table(large)
    large.source, large.target = large.target, large.source
    with pytest.raises(ConfigurationError, match="copy that was interrupted"):
        run(large)


@pytest.mark.parametrize("event", ["table.started", "table.copied", "schema.step"])
def test_a_cut_connection_is_said_and_finished(large, postgres_server, event):
    once = []

    def cut(kind, **fields):
        if kind == event and not once:
            once.append(kind)
            with psycopg.connect(postgres_server.url(), autocommit=True) as session:
                session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [large.target_name],
                )

    with pytest.raises(PostgresError, match="Run the same command again") as caught:
        clone_database(large.source, large.target, CloneOptions(), check=False, emit=cut)
    assert "s3cr" not in str(caught.value)
    run(large)
    assert is_finished(large)


def test_what_a_dead_copy_left_running_is_ended(large):
    half_a_table(large)
    with (
        connection.connect(large.target, purpose=PURPOSE) as left,
        connection.connect(large.target, purpose="an application") as other,
    ):
        left.execute("BEGIN")
        left.execute("LOCK TABLE public.large IN ACCESS EXCLUSIVE MODE")
        run(large)
        assert other.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")
    assert is_finished(large)


def test_a_lock_of_others_is_waited_for_and_said(large):
    half_a_table(large)
    with connection.connect(large.target, purpose="an application") as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE public.large IN ROW SHARE MODE")
        with pytest.raises(BusyError, match="another session works with its tables"):
            run(large, lock_wait=0.2)
    assert run(large).plan.changes


def test_workers_leave_nothing_behind(large):
    run(large)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("copy-")]
    open_still = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'bmii-migrate pg_clone%'"
    assert on(large.target_url, open_still) == [(0,)]
