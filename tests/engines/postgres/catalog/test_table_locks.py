"""What others do to tables while a copy begins never makes one look empty."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import Scope, locked_snapshot
from engines.postgres.checksum import DatabaseSnapshot, reader
from engines.postgres.copy import dump_archive
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection, settings
from engines.postgres.session.errors import BusyError

LIVE = """
CREATE TABLE live (id int PRIMARY KEY, n int);
INSERT INTO live SELECT i, i FROM generate_series(1, 1000) i;
CREATE TABLE quiet (id int PRIMARY KEY);
"""
# Each writes the table anew, or takes something away that the copy has seen.
CHANGES = [
    "ALTER TABLE live ALTER n TYPE bigint",
    "ALTER TABLE live ADD at timestamptz DEFAULT clock_timestamp()",
    "TRUNCATE live; INSERT INTO live VALUES (1, 1)",
    "CLUSTER live USING live_pkey",
    "DROP TABLE quiet",
    "ALTER TABLE quiet RENAME TO silent",
    "ALTER TABLE live DROP n",
    "ALTER TABLE live SET UNLOGGED",
]


@pytest.fixture
def ends(databases):
    made = databases(hostile=False)
    with psycopg.connect(made.source_url, autocommit=True) as session:
        session.execute(LIVE)
    return made


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_committed_while_the_copy_begins_is_copied(ends, change):
    with psycopg.connect(ends.source_url) as other:
        other.execute(change)
        # Longer than a copy needs to come to the tables.
        timer = threading.Timer(1.0, other.commit)
        timer.start()
        clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
        timer.join()
    assert compare_databases(ends.source, ends.target).differences() == []
    with psycopg.connect(ends.source_url) as source, psycopg.connect(ends.target_url) as target:
        rows = [session.execute("SELECT count(*) FROM live").fetchone() for session in (source, target)]
    assert rows[0] == rows[1]
    assert rows[0] != (0,)


@pytest.mark.parametrize("change", ["CREATE TABLE more (id int)", "CREATE INDEX live_n ON live (n)"])
def test_what_comes_after_the_snapshot_is_not_in_the_copy(ends, change):
    with psycopg.connect(ends.source_url) as other:
        other.execute(change)
        timer = threading.Timer(1.0, other.commit)
        timer.start()
        clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
        timer.join()
    assert {
        line.rpartition(": ")[2] for line in compare_databases(ends.source, ends.target).schema.lines()
    } <= {"not on the target"}
    with psycopg.connect(ends.target_url) as target:
        assert target.execute("SELECT count(*) FROM live").fetchone() == (1000,)


def test_a_change_that_takes_too_long_is_said(ends):
    with psycopg.connect(ends.source_url) as other:
        other.execute(CHANGES[0])
        with pytest.raises(BusyError, match="changes one of its tables"):
            clone_database(ends.source, ends.target, CloneOptions(lock_wait=0.3), check=True, emit=emit)
        other.rollback()


def test_tables_cannot_be_changed_while_the_snapshot_is_read(ends):
    with (
        connection.session(ends.source, read_only=True) as session,
        locked_snapshot(session, Scope(excluded=frozenset({("public", "quiet")})), seconds=1),
        psycopg.connect(ends.source_url, autocommit=True) as other,
    ):
        other.execute("SET lock_timeout = '100ms'")
        for change in ("TRUNCATE live", CHANGES[0]):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(change)
        other.execute("DROP TABLE quiet")


def until_somebody_waits(url):
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as session:
        while session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_no_reader_waits_for_ever_behind_somebody_who_waits_for_us(ends, monkeypatch):
    monkeypatch.setattr(settings, "READER", "SET LOCAL lock_timeout = '300ms'")
    with psycopg.connect(ends.source_url) as other:
        change = threading.Thread(target=other.execute, args=(CHANGES[0],))
        with (
            connection.session(ends.source, read_only=True) as session,
            locked_snapshot(session, Scope(), seconds=1) as name,
        ):
            change.start()
            until_somebody_waits(ends.source_url)
            with (
                pytest.raises(BusyError, match="waits to change a table"),
                reader(DatabaseSnapshot(ends.source, name)) as reading,
            ):
                reading.execute("SELECT count(*) FROM public.live")
        change.join(60)
        other.rollback()


@pytest.mark.parametrize("begins", ["clone.planned", "schema.created"], ids=["pg_dump", "rows"])
def test_a_change_that_begins_during_the_copy_ends_it_rather_than_wait_in_a_circle(ends, monkeypatch, begins):
    monkeypatch.setattr(settings, "READER", "SET LOCAL lock_timeout = '300ms'")
    monkeypatch.setattr(dump_archive, "_LOCK_WAIT", "300ms")
    with psycopg.connect(ends.source_url) as other:
        change = threading.Thread(target=other.execute, args=(CHANGES[0],))

        def begin(kind, **_):
            if kind == begins:
                change.start()
                until_somebody_waits(ends.source_url)

        with pytest.raises(BusyError, match="waits to change a table"):
            clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=begin)
        change.join(60)
        other.rollback()
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_whoever_wants_a_table_waits_for_an_instant_while_we_wait_for_another(ends):
    with (
        psycopg.connect(ends.source_url) as holder,
        psycopg.connect(ends.source_url, autocommit=True) as other,
        connection.session(ends.source, read_only=True) as session,
    ):
        holder.execute("LOCK TABLE quiet")
        taken = []

        def take():
            with locked_snapshot(session, Scope(), seconds=60) as name:
                taken.append(name)

        waiting = threading.Thread(target=take)
        waiting.start()
        until_somebody_waits(ends.source_url)
        other.execute("TRUNCATE live")
        assert waiting.is_alive()  # it has not waited for our whole time
        holder.rollback()
        waiting.join(60)
        assert taken
