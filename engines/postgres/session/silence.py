"""Watches over servers that sessions wait for: one that does not answer is reported, and at last given up.

A statement may rightly say nothing for hours, so the silence of a session means nothing by itself. When none
of our sessions with a server has received a byte between two looks, one more is asked for: a server that
grants or refuses it is at work. TCP does not tell: the kernel acknowledges what a stopped process never
reads.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg

from engines.events import emit

# Seconds between two looks, and for the answer to one more session.
EVERY, CONNECT = 4.0, 4
# Seconds without any sign of life after which its sessions are ended.
PATIENCE = 120.0
# Seconds in which other errors may come from it.
_JUST_NOW = 30.0
# Where the kernel counts what a connection has received (struct tcp_info of Linux).
_RECEIVED = 128
_COUNTER = struct.Struct("@Q")
# What decides between several servers: the one that a session has is asked.
_CHOICE = ("target_session_attrs", "load_balance_hosts")

_lock = threading.Lock()
_servers: dict[str, _Server] = {}
# Address, seconds of silence and the moment of each that was given up.
_ended: dict[str, tuple[str, int, float]] = {}


def ended(subject: str) -> tuple[str, int] | None:
    """Return which server was given up, and after how many seconds; ``None`` if no error comes from that.

    It is the one whose address ``subject`` begins with, or another that was given up just now: where sessions
    with both are at work, errors count as those of one.
    """
    now = time.monotonic()
    with _lock:
        own = _ended.get(subject.split(" ", 1)[0])
        found = own or next((one for one in _ended.values() if now - one[2] < _JUST_NOW), None)
    return found[:2] if found else None


def watch(session: psycopg.Connection[tuple[object, ...]], name: str, given: Mapping[str, str]) -> Line:
    """Watch over a session that was opened to the address ``given``, which messages call ``name``."""
    info = session.info
    place = {"host": info.host, "hostaddr": info.hostaddr, "port": str(info.port)}
    parameters = {key: value for key, value in given.items() if key not in _CHOICE}
    return watch_descriptor(session.fileno(), name, {**parameters, **{k: v for k, v in place.items() if v}})


def watch_descriptor(descriptor: int, name: str, parameters: Mapping[str, str]) -> Line:
    """Watch over the connection of a ``descriptor``; ``parameters`` are for one more session."""
    line = Line(name, _copy(descriptor))
    with _lock:
        _ended.pop(name, None)
        server = _servers.get(name)
        if server is None:
            server = _servers[name] = _Server(name, parameters)
            server.start()
        server.lines.add(line)
    return line


def join(name: str, *, descriptor: int = -1, cut: Callable[[], None] | None = None) -> Line:
    """Let a connection, or what ``cut`` ends, end with the sessions of a server that is watched."""
    return _join(Line(name, _copy(descriptor) if descriptor >= 0 else None, cut=cut))


def join_all(name: str, descriptor: int) -> Line:
    """Let every connection of this process with the server of ``descriptor`` end with its sessions.

    A project's own code opens some that nobody else knows of.
    """
    with suppress(OSError), _copy(descriptor) as connection:
        line = Line(name, None, server=connection.getpeername())
        return _join(line)
    return join(name)


def _join(line: Line) -> Line:
    with _lock:
        if server := _servers.get(line.name):
            server.lines.add(line)
        elif line.name in _ended:
            _cut([line])
    return line


class Line:
    """Something that waits for a server.

    It holds a descriptor of its own: a number may have been given to another file since.
    """

    def __init__(
        self,
        name: str,
        connection: socket.socket | None,
        *,
        cut: Callable[[], None] | None = None,
        server: object = None,
    ) -> None:
        self.name = name
        self._connection = connection
        self._cut = cut
        self._server = server
        self._received = -1

    def has_received(self) -> bool:
        """Return whether anything came since the last call; the first says so of what was just opened."""
        if self._connection is None:
            return False
        with suppress(OSError, AttributeError, struct.error):
            reported = self._connection.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED + _COUNTER.size
            )
            before, self._received = self._received, _COUNTER.unpack_from(reported, _RECEIVED)[0]
            return self._received != before
        return False

    def ends(self) -> list[Callable[[], None]]:
        """Return what ends it: whoever waits learns that the connection is gone."""
        found: list[Callable[[], None]] = [self._cut] if self._cut else []
        if self._connection is not None:
            found.append(partial(_shut, self._connection))
        if self._server is not None:
            found += [partial(_shut, one, closing=True) for one in _connections(self._server)]
        return found

    def close(self) -> None:
        """Watch no longer."""
        with _lock:
            server = _servers.get(self.name)
            if server is not None:
                server.lines.discard(self)
                if not server.lines:
                    server.over.set()
                    del _servers[self.name]
            if self._connection is not None:
                self._connection.close()


class _Server(threading.Thread):
    """Looks after one server for as long as there are ``lines`` to it."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        super().__init__(name=f"silence-{name}", daemon=True)
        self._subject = name
        self._parameters = parameters
        self.lines: set[Line] = set()
        self.over = threading.Event()

    def run(self) -> None:
        """Look, until nobody waits for the server any more or it is given up."""
        silent, looked = 0.0, time.monotonic()
        while not self.over.wait(EVERY):
            alive = self._has_received() or self._answers()
            now = time.monotonic()
            # A run that was stopped itself has not waited all the time that has passed.
            passed, looked = min(now - looked, 2 * (EVERY + CONNECT)), now
            if alive:
                if silent:
                    emit("postgres.answers", server=self._subject)
                silent = 0.0
                continue
            if self.over.is_set():
                return
            silent += passed
            emit("postgres.silent", server=self._subject, seconds=round(silent), limit=round(PATIENCE))
            if silent >= PATIENCE:
                self._end(silent)
                return

    def _has_received(self) -> bool:
        with _lock:
            return sum(line.has_received() for line in self.lines) > 0

    def _answers(self) -> bool:
        """Ask for one more session: granted, refused or hung up on, somebody is there."""
        options = {**self._parameters, "connect_timeout": CONNECT, "application_name": "bmii-migrate watch"}
        try:
            psycopg.connect(**options).close()  # type: ignore[arg-type] # the parameters are named by libpq, not here
        except psycopg.errors.ConnectionTimeout:
            return False
        except (psycopg.Error, OSError):
            return True
        return True

    def _end(self, silent: float) -> None:
        with _lock:
            _ended[self._subject] = (self._subject, round(silent), time.monotonic())
            if _servers.get(self._subject) is self:
                del _servers[self._subject]
            _cut(self.lines)


def is_asking() -> bool:
    """Return whether this thread is one that looks after a server, and runs no code but ours."""
    return isinstance(threading.current_thread(), _Server)


def _copy(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))


def _cut(lines: Iterable[Line]) -> None:
    # All are chosen before the first ends: whoever learns of that may open another at once, which stays.
    chosen = []
    for line in lines:
        with suppress(OSError):  # what cannot be looked for must not keep the others from ending
            chosen += line.ends()
    for end in chosen:
        end()


def _shut(connection: socket.socket, *, closing: bool = False) -> None:
    with suppress(OSError):  # gone already
        connection.shutdown(socket.SHUT_RDWR)
    if closing:
        connection.close()


def _connections(server: object) -> Iterator[socket.socket]:
    """Return each connection of this process with ``server``, by a descriptor of its own."""
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile, or connected to nobody
            descriptor = int(file.name)
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                connection = _copy(descriptor)
                if _is_with(connection, server):
                    yield connection
                else:
                    connection.close()


def _is_with(connection: socket.socket, server: object) -> bool:
    try:
        return bool(connection.getpeername() == server)
    except OSError:
        return False


def _forget() -> None:
    """Begin anew in a child process: it has none of the threads, and no session of its own."""
    global _lock  # noqa: PLW0603 - one held at the fork is never released in the child
    _lock = threading.Lock()
    _servers.clear()
    _ended.clear()


os.register_at_fork(after_in_child=_forget)
