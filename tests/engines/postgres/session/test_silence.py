"""A server that does not answer is reported and given up; one that only works for long is waited for."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import threading
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan import CloneOptions
from engines.postgres.session import UnreachableError, connection, silence
from engines.schema.errors import SchemaError
from engines.schema.model import Options
from engines.schema.session import opened, translated
from rehearsal.servers import postgres
from tests.stopped_server import stopped


@pytest.fixture(scope="module")
def stoppable(servers, tmp_path_factory):
    """Return a server of our own, which nobody else waits for."""
    with postgres.server(tmp_path_factory.mktemp("stoppable")) as server:
        yield server


@pytest.fixture
def events(tmp_path, monkeypatch):
    """Return how to read the events so far; nobody is patient."""
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    monkeypatch.setattr(silence, "EVERY", 0.2)
    monkeypatch.setattr(silence, "CONNECT", 2)
    monkeypatch.setattr(silence, "PATIENCE", 5.0)
    # A server that was given up is the cause of every error of the next 30 s, of other tests as well.
    monkeypatch.setattr(silence, "_ended", {})
    (tmp_path / "events").touch()
    return lambda: [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]


def kinds(events):
    return [event["kind"] for event in events() if event["kind"].startswith("postgres.")]


def until(condition):
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_stopped_server_is_reported_and_its_sessions_end(stoppable, events):
    address = connection.parse(stoppable.url())
    with connection.session(address) as one, connection.session(address) as other, stopped(stoppable):
        for session in (one, other):
            with (
                pytest.raises(UnreachableError, match=r"has not answered for \d+ s, new sessions neither"),
                connection.translated(str(address)),
            ):
                session.execute("SELECT 1")
    first = next(event for event in events() if event["kind"] == "postgres.silent")
    assert (first["server"], first["limit"]) == (str(address), 5)
    with connection.session(address) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)
    assert silence.ended(str(address)) is None


def test_a_server_that_goes_on_in_time_is_waited_for(stoppable, events, monkeypatch):
    monkeypatch.setattr(silence, "PATIENCE", 600.0)
    address = connection.parse(stoppable.url())
    answers = []
    with connection.session(address) as session:
        with stopped(stoppable):
            thread = threading.Thread(target=lambda: answers.append(session.execute("SELECT 2").fetchone()))
            thread.start()
            until(lambda: "postgres.silent" in kinds(events))
        thread.join(60)
        until(lambda: "postgres.answers" in kinds(events))
    assert answers == [(2,)]


def test_a_long_statement_is_not_taken_for_silence(stoppable, events, monkeypatch):
    monkeypatch.setattr(silence, "CONNECT", 60)  # as long as a busy machine may take
    asked = []
    answers = silence._Server._answers
    monkeypatch.setattr(silence._Server, "_answers", lambda self: asked.append(answers(self)) or asked[-1])
    with connection.session(connection.parse(stoppable.url())) as session:
        session.execute("SELECT pg_sleep(2)")
    assert asked
    assert all(asked)
    assert kinds(events) == []


def test_a_server_that_is_full_is_at_work(stoppable, events, monkeypatch):
    monkeypatch.setattr(silence, "CONNECT", 60)
    stoppable.create_role("cramped", "cramped")
    with psycopg.connect(stoppable.url(), autocommit=True) as admin:
        admin.execute("ALTER ROLE cramped CONNECTION LIMIT 1")
    with connection.session(connection.parse(stoppable.url("postgres", "cramped", "cramped"))) as session:
        session.execute("SELECT pg_sleep(1)")
    assert kinds(events) == []


def test_who_watches_ends_with_the_last_session(stoppable, events):
    address = connection.parse(stoppable.url())
    with connection.session(address), connection.session(address):
        watching = silence._servers[str(address)]
        assert watching.is_alive()
    assert str(address) not in silence._servers
    watching.join(60)
    assert not watching.is_alive()


@pytest.fixture
def pair(stoppable, postgres_server):
    """Return ``make(source, target)``: addresses of a database with rows and of an empty one."""

    def make(source=stoppable, target=postgres_server):
        for server, name in ((source, "silent_source"), (target, "silent_target")):
            with psycopg.connect(server.url(), autocommit=True) as admin:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                admin.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(source.url("silent_source"), autocommit=True) as admin:
            admin.execute("CREATE TABLE long (id int PRIMARY KEY, t text)")
            admin.execute("INSERT INTO long SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i")
        return connection.parse(source.url("silent_source")), connection.parse(target.url("silent_target"))

    return make


def stop_at(server, kind):
    """Return an ``emit`` that stops the server at the first event of this kind, and what lets it go on."""
    stack = contextlib.ExitStack()
    done = threading.Event()

    def stop(found, **_):
        if found.startswith(kind) and not done.is_set():
            done.set()
            stack.enter_context(stopped(server))

    return stop, stack


@pytest.mark.parametrize("kind", ["clone.planned", "table.started", "schema.step"])
def test_a_copy_ends_whose_source_has_stopped_and_the_same_call_finishes_it(stoppable, pair, events, kind):
    ends = pair()
    stop, stack = stop_at(stoppable, kind)
    with stack, pytest.raises(UnreachableError, match="has not answered for") as caught:
        clone_database(*ends, CloneOptions(), check=False, emit=stop)
    assert caught.value.subject == str(ends[0])
    clone_database(*ends, CloneOptions(), check=False, emit=emit)
    assert compare_databases(*ends).differences() == []


def test_a_copy_ends_whose_target_has_stopped(stoppable, postgres_server, pair, events):
    ends = pair(postgres_server, stoppable)
    stop, stack = stop_at(stoppable, "table.started")
    with stack, pytest.raises(UnreachableError, match="has not answered for") as caught:
        clone_database(*ends, CloneOptions(), check=False, emit=stop)
    assert caught.value.subject == str(ends[1])


def test_a_comparison_ends_whose_source_has_stopped(stoppable, pair, events, monkeypatch):
    ends = pair()
    clone_database(*ends, CloneOptions(), check=False, emit=emit)
    watch, begun = silence.watch, []
    with contextlib.ExitStack() as stack:

        def stop(session, name, given):
            line = watch(session, name, given)
            if name == str(ends[0]) and not begun:
                begun.append(stack.enter_context(stopped(stoppable)))
            return line

        monkeypatch.setattr(silence, "watch", stop)
        with pytest.raises(UnreachableError, match="has not answered for"):
            compare_databases(*ends)


def test_a_connection_that_is_opened_because_of_the_end_stays(servers):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        later = []
        first = silence.Line("db", None, cut=lambda: later.append(socket.create_connection(address)))
        with socket.create_connection(address) as before:
            silence._cut([first, silence.Line("db", None, server=address)])
            assert before.recv(1) == b""
        with later[0] as after:
            after.setblocking(False)
            with pytest.raises(BlockingIOError):
                after.recv(1)


def test_a_line_whose_end_cannot_be_found_keeps_no_other_from_ending(monkeypatch):
    """Such as where no descriptor is left to look for the connections of a process."""

    def none_left(_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(silence, "_connections", none_left)
    ended = []
    lines = [silence.Line("db", None, server=("h", 1)), silence.Line("db", None, cut=lambda: ended.append(1))]
    silence._cut(lines)
    silence._cut(reversed(lines))
    assert len(ended) == 2


def test_a_revision_ends_whose_server_has_stopped(stoppable, events):
    address = connection.parse(stoppable.url())
    options = Options(config=Path("none"))
    with (
        pytest.raises(SchemaError, match="has not answered for"),
        opened(address, options, read_only=False) as session,
        stopped(stoppable),
    ):
        session.exec_driver_sql("SELECT 1")


def test_a_connection_that_env_py_opens_itself_ends_too(stoppable, events):
    address = connection.parse(stoppable.url())
    # A project's own engine wraps the driver's error in one of SQLAlchemy.
    own = sa.create_engine(stoppable.url(driver="psycopg2"), poolclass=sa.pool.NullPool)
    with (
        opened(address, Options(config=Path("none")), read_only=False),
        own.connect() as session,
        stopped(stoppable),
        pytest.raises(SchemaError, match="has not answered for"),
        translated(address),
    ):
        session.exec_driver_sql("SELECT 1")
    assert "postgres.silent" in kinds(events)
