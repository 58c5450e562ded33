"""A TCP proxy that makes a server far away: what passes arrives later, at any bandwidth.

It counts round trips, too: how often a client spoke after it had been answered. That number is the same on a
machine with other work to do, where a time is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

# Each way, in seconds: a database in another region of the same continent.
FAR = 0.02


@dataclass
class Distance:
    """The proxy that runs: where it listens, and what it has counted."""

    port: int = 0
    connections: int = 0
    round_trips: int = 0
    _open: set[Any] = field(default_factory=set)


@contextlib.contextmanager
def before(port: int, seconds: float = FAR) -> Iterator[Distance]:
    """Run a proxy before the local ``port`` for the length of a ``with`` block, ``seconds`` away each way."""
    found = Distance()
    loop = uvloop.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    found.port = listener.getsockname()[1]

    async def listen() -> asyncio.Server:
        def accept() -> _Relay:
            found.connections += 1
            return _Relay(found, seconds, port)

        return await asyncio.get_running_loop().create_server(accept, sock=listener)

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, name=f"far-{port}", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(_end(found, server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(found: Distance, server: asyncio.Server) -> None:
    server.close()
    while found._open:
        for transport in found._open:
            transport.abort()
        await asyncio.sleep(0)


class _Relay(asyncio.Protocol):
    """One end of a connection; the client's end opens the server's."""

    def __init__(self, counts: Distance, seconds: float, port: int = 0, peer: _Relay | None = None) -> None:
        self._counts = counts
        self._seconds = seconds
        self._port = port
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._coming: deque[tuple[float, bytes]] = deque()
        self._answered = True
        self._opening: asyncio.Task[object] | None = None

    def connection_made(self, transport: Any) -> None:
        """Open the other end, or let what waits for this one pass."""
        self._transport = transport
        self._counts._open.add(transport)
        if self._peer is None:
            other = self._peer = _Relay(self._counts, self._seconds, peer=self)
            opening = self._loop.create_connection(lambda: other, "127.0.0.1", self._port)
            self._opening = self._loop.create_task(opening)
            self._opening.add_done_callback(self._opened)
        else:
            self._deliver()

    def _opened(self, opening: asyncio.Task[object]) -> None:
        if (opening.cancelled() or opening.exception()) and self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Let ``data`` reach the other end later."""
        if self._peer is None:
            return
        if self._port:
            self._counts.round_trips += self._answered
            self._answered = False
        else:
            self._peer._answered = True
        self._peer.expect(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the other end when all that is under way has reached it."""
        self._counts._open.discard(self._transport)
        if self._peer:
            self._peer.expect(b"")

    def expect(self, data: bytes) -> None:
        """Deliver ``data`` in a while; an empty one is the end."""
        self._coming.append((self._loop.time() + self._seconds, data))
        self._loop.call_later(self._seconds, self._deliver)

    def _deliver(self) -> None:
        # A timer may come a little before its time.
        while self._transport and self._coming and self._coming[0][0] <= self._loop.time() + 0.001:
            data = self._coming.popleft()[1]
            if not data:
                self._transport.close()
            elif not self._transport.is_closing():
                self._transport.write(data)

    def pause_writing(self) -> None:
        """Let a sender wait that is faster than this end."""
        if self._peer and self._peer._transport and not self._peer._transport.is_closing():
            self._peer._transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the sender go on."""
        if self._peer and self._peer._transport and not self._peer._transport.is_closing():
            self._peer._transport.resume_reading()
