"""A connection that ends after any byte of either direction is told as that, whatever it interrupts."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading

import psycopg
import pytest

from engines.postgres.copy import copy_protocol
from engines.postgres.copy.copy_statements import CopyStatements
from engines.postgres.copy.copy_stream import CopyStream
from engines.postgres.session import asyncpg_params, connection
from engines.postgres.session.errors import UnreachableError

WAY = CopyStatements(
    ("COPY (SELECT i, repeat('x', 300) FROM generate_series(1, 300) i) TO STDOUT (FORMAT binary)",),
    ("COPY public.t FROM STDIN (FORMAT binary)",),
    before=("SET LOCAL lock_timeout = 0",),
    after=("SELECT 1",),
)
# Of more than one read of a socket can bring: whoever hears of the first bytes is not at the end yet.
LONG_WAY = dataclasses.replace(WAY, reading=(WAY.reading[0].replace("(1, 300)", "(1, 30000)"),))


class CopyConnection:
    """A way to a server that ends after ``limit`` bytes of one direction, with a farewell or a reset."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.limit, self.of_server, self.reset = 0, True, False
        self.passed = {True: 0, False: 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self.passed = {True: 0, False: 0}
                for ends, of_server in (((client, server), False), ((server, client), True)):
                    threading.Thread(target=self._pump, args=(*ends, of_server), daemon=True).start()

    def _pump(self, giver: socket.socket, taker: socket.socket, of_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := giver.recv(65536):
                if self.limit and of_server == self.of_server:
                    data = data[: self.limit - self.passed[of_server]]
                taker.sendall(data)
                self.passed[of_server] += len(data)
                if self.limit and self.passed[self.of_server] >= self.limit:
                    break
        for end in (giver, taker):
            with contextlib.suppress(OSError):
                if self.reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # The other thread, which may be reading, has to let go of it first.
                end.shutdown(socket.SHUT_RD if self.reset else socket.SHUT_RDWR)
                end.close()

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def line(postgres_server):
    made = CopyConnection(postgres_server.port)
    yield made
    made.close()


def arguments(ends, here, there):
    pairs = ((ends.source, here), (ends.target, there))
    return [asyncpg_params.arguments(address, session, purpose="test") for address, session in pairs]


def copied(given):
    """Copy once; return what was raised, if anything."""
    relay = None
    try:
        relay = CopyStream(
            *given,
            names=("source", "target"),
            start_source=("BEGIN", "SELECT 1"),
            start_target=("SELECT 1",),
        )
        relay.copy(WAY, lambda *_: None)
    except UnreachableError as error:
        return error
    finally:
        if relay:
            relay.close()
    return None


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("of_server", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_a_line_that_ends_after_any_byte_is_said_to_have(databases, line, side, of_server, reset):
    ends = databases(hostile=False)
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute("CREATE TABLE t (id int, v text)")
    with connection.session(ends.source) as here, connection.session(ends.target) as there:
        given = arguments(ends, here, there)
    given[side] |= {"host": "127.0.0.1", "port": line.port}
    assert copied(given) is None
    line.of_server, line.reset = of_server, reset
    total = line.passed[of_server]
    # Every message is short but those of rows: most cuts fall where something else is said.
    points = sorted({*range(1, min(total, 900), 23), *range(900, total, 9001), *range(total - 130, total, 9)})
    for line.limit in points:
        error = copied(given)
        assert error is not None or line.limit > total - 40, line.limit


@pytest.mark.parametrize("when", ["before", "between", "inside", "after"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_connection_that_is_gone_before_anybody_noticed_is_reported(databases, monkeypatch, side, when):
    """A transport is closed a moment before its protocol hears of it; what is written then is an error."""
    ends = databases(hostile=False)
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        session.execute("CREATE TABLE t (id int, v text)")
    with connection.session(ends.source) as here, connection.session(ends.target) as there:
        given = arguments(ends, here, there)
    relay = CopyStream(*given, names=("source", "target"), start_source=(), start_target=())
    copy = copy_protocol.copy

    def cut(now):
        if now == when:
            getattr(relay, f"_{side}").transport.abort()

    async def between(*arguments, **options):
        cut("between")
        done = await copy(*arguments, **options)
        cut("after")
        return done

    monkeypatch.setattr(copy_protocol, "copy", between)
    with contextlib.closing(relay):
        cut("before")
        # After its last row the source is needed no more.
        is_fine = (side, when) == ("source", "after")
        with contextlib.nullcontext() if is_fine else pytest.raises(UnreachableError):
            relay.copy(LONG_WAY, lambda *_: cut("inside"))


def test_an_error_of_the_event_loop_is_reported_as_what_it_means(databases, monkeypatch):
    """A transport that was closed raises RuntimeError when something is asked of it."""
    ends = databases(hostile=False)
    with connection.session(ends.source) as here, connection.session(ends.target) as there:
        given = arguments(ends, here, there)
    relay = CopyStream(*given, names=("source", "target"), start_source=(), start_target=())

    async def asked_too_late(source, target, *_, **__):
        target.transport.close()
        raise RuntimeError("the handler is closed")

    monkeypatch.setattr(copy_protocol, "copy", asked_too_late)
    with contextlib.closing(relay), pytest.raises(UnreachableError, match="target: the connection was lost"):
        relay.copy(WAY, lambda *_: None)
