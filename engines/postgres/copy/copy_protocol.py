"""COPY from one connection to another, byte by byte as the source sends it, table after table.

A message of the protocol is a row, and a row can be a gigabyte. So no message is assembled: bytes are
forwarded as they arrive, and only message headers are parsed. Both servers frame rows in the same way.

Several COPY statements are sent at once, and rows follow without waiting for the target's consent: a server
takes what it is sent in order, and ignores rows of a COPY that it has refused. So many small tables cost one
round trip.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import asyncpg

from engines.postgres.session import PostgresError, refusal

# Is called with the number of the COPY statement, and the bytes that are forwarded for it.
OnBytes = Callable[[int, int], None]

_ROW = ord("d")
_HEAD = 5
_length = struct.Struct("!I").unpack_from
_END = b"c" + struct.pack("!I", 4)
# Bytes that may wait for a slow target before the source has to.
_WAITING = 512 * 1024
_LOST = "08006"


class CopyConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that can be lent to a COPY: asyncpg has opened it, and gets it back."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.protocol = protocol
        self.transport = transport


async def copy(
    source: CopyConnection,
    target: CopyConnection,
    reading: str,
    writing: str,
    *,
    names: tuple[str, str],
    on_bytes: OnBytes,
) -> list[int]:
    """Run the COPY statements ``reading`` into those of ``writing``; return the rows of each.

    Between those of ``writing`` there may be other statements. Raises ``PostgresError``; then neither
    connection can be used again.
    """

    def forward(data: bytes | memoryview) -> None:
        writer.send(data)
        on_bytes(reader.number, len(data))

    writer = _CopyProtocol(target, names[1], pause=source.transport)
    reader = _CopyProtocol(source, names[0], forward=forward, end=lambda: writer.send(_END))
    target.transport.set_write_buffer_limits(high=_WAITING)
    writer.ask(writing)
    reader.ask(reading)
    await asyncio.wait([reader.done, writer.done], return_when=asyncio.FIRST_EXCEPTION)
    if not reader.done.done() or not writer.done.done():
        # The one that failed has said why; the other only learns that it is alone.
        failed = reader.done if reader.done.done() else writer.done
        raise failed.exception() or RuntimeError
    read, written = reader.done.result(), writer.done.result()
    if read != written:
        raise PostgresError(
            f"{sum(read)} rows were read, {sum(written)} written",
            subject=names[1],
            remedy="Nothing of them was kept. Look for rules or triggers on the target table.",
        )
    for connection in (source, target):
        connection.transport.set_protocol(connection.protocol)
    return written


class _CopyProtocol(asyncio.Protocol):
    """What a server says while COPY statements run. ``done`` gives the number of rows of each."""

    def __init__(
        self,
        connection: CopyConnection,
        name: str,
        *,
        forward: Callable[[bytes | memoryview], None] | None = None,
        end: Callable[[], None] | None = None,
        pause: Any = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[list[int]] = loop.create_future()
        self.number = 0  # of the statement whose rows come
        self._connection = connection
        self._name = name
        self._forward = forward
        self._end = end
        self._pause = pause
        self._rest = b""
        self._left = 0
        self._rows: list[int] = []

    def ask(self, statement: str) -> None:
        """Send ``statement``, and receive what the server sends from now on."""
        text = statement.encode() + b"\0"
        self._connection.transport.set_protocol(self)
        self.send(b"Q" + struct.pack("!I", len(text) + 4) + text)

    def send(self, data: bytes | memoryview) -> None:
        """Write ``data``; if the server has closed the connection, the copy fails with that."""
        if self._connection.transport.is_closing():
            self._fail(refusal(_LOST, "", self._name))
        else:
            self._connection.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Forward rows; handle all other messages."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        size = len(data)
        start, place = 0, min(self._left, size)
        self._left -= place
        while place + _HEAD <= size:
            end = place + 1 + _length(data, place + 1)[0]
            if data[place] == _ROW:
                place = end
                continue
            self._pass(data, start, place)
            start = place
            if end > size:
                break
            self._handle_message(data[place], data[place + _HEAD : end])
            start = place = end
        if place > size:
            self._left, place = place - size, size
        elif place < size:
            self._rest = data[place:]
        self._pass(data, start, place)

    def _pass(self, data: bytes, start: int, end: int) -> None:
        if end > start and self._forward:
            self._forward(data if end - start == len(data) else memoryview(data)[start:end])

    def _handle_message(self, kind: int, body: bytes) -> None:
        if kind == ord("c") and self._end:
            self._end()
            self.number += 1
        elif kind == ord("C") and body.startswith(b"COPY "):
            self._rows.append(int(body.rstrip(b"\0").rpartition(b" ")[2]))
        elif kind == ord("E"):
            fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
            self._fail(refusal(fields.get(b"C", ""), fields.get(b"M", "no reason was given"), self._name))
        elif kind == ord("Z") and not self.done.done():
            self.done.set_result(self._rows)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the copy, and inform asyncpg."""
        self._fail(refusal(_LOST, "", self._name))
        self._connection.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pause reading from the source: the target is slower."""
        if self._pause is not None and not self._pause.is_closing():
            self._pause.pause_reading()

    def resume_writing(self) -> None:
        """Let the source go on."""
        if self._pause is not None and not self._pause.is_closing():
            self._pause.resume_reading()

    def _fail(self, error: PostgresError) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            # Whoever is told by the other end need not wait for this one.
            self.done.exception()
