"""A wire between a client and a store: it passes on every byte, writes down what went by, and can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

LOOPBACK = "127.0.0.1"
_PIECE = 1 << 16


@dataclass
class Exchange:
    """One request and the status of its answer (0 while there is none). ``lost``: the client never saw it."""

    method: str
    target: str
    status: int = 0
    lost: bool = False

    @property
    def key(self) -> str:
        """Return the object's key, without the bucket."""
        return unquote(urlsplit(self.target).path).lstrip("/").partition("/")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def creates(self) -> bool:
        """Return whether it made an object: one PUT, or the end of a multipart upload."""
        if self.status != 200 or not self.key:
            return False
        if self.method == "PUT":
            return not {"partNumber", "tagging"} & self.query.keys()
        return self.method == "POST" and "uploadId" in self.query

    @property
    def sends(self) -> bool:
        """Return whether it carried content of an object to the store, or began to."""
        return bool(self.key) and self.method in {"PUT", "POST"} and "tagging" not in self.query


class CutError(Exception):
    """The wire ends this connection."""


# Called with each exchange before it is passed on ("" as second argument) and after it was answered; returns
# "reset" to end the connection there.
Meddler = Callable[[Exchange], str]


def _quiet(exchange: Exchange) -> str:
    return ""


@dataclass
class Wire:
    """A proxy in a thread of its own. Use it in a ``with`` block.

    ``before`` and ``after`` may return ``reset``: the client's connection ends there, before the store has
    seen the request or after it has carried it out. ``host`` is what requests were signed for, when another
    proxy before this one has changed it. ``rate`` is in bytes a second, for answers and requests.
    """

    upstream: int
    before: Meddler = _quiet
    after: Meddler = _quiet
    host: str = ""
    rate: int = 0
    tls: ssl.SSLContext | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Wire:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._call(
            asyncio.start_server(self._serve, LOOPBACK, 0, ssl=self.tls, limit=1 << 20, backlog=512)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://{LOOPBACK}:{self.port}"

    def created(self) -> Iterator[str]:
        """Yield the key of each request that made an object, in order."""
        return (one.key for one in list(self.exchanges) if one.creates)

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        store = None
        # Whoever is cut off shows it by any of these; the wire itself has nothing to say about it.
        with contextlib.suppress(CutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            store = await asyncio.open_connection(LOOPBACK, self.upstream, limit=1 << 20)
            while True:
                await self._exchange(reader, writer, *store)
        for end in (writer, store[1] if store else None):
            if end:
                end.transport.abort()

    async def _exchange(self, reader, writer, store_reader, store_writer) -> None:
        lines = _lines(await reader.readuntil(b"\r\n\r\n"))
        method, target, _ = lines[0].split(" ", 2)
        exchange = Exchange(method, target)
        self.exchanges.append(exchange)
        if self.before(exchange) == "reset":
            raise CutError
        if _header(lines, "expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        store_writer.write(_head(self._for_the_store(lines)))
        await self._pass_body(lines, reader, store_writer)
        answer = _lines(await store_reader.readuntil(b"\r\n\r\n"))
        while answer[0].split(" ")[1] == "100":
            answer = _lines(await store_reader.readuntil(b"\r\n\r\n"))
        exchange.status = int(answer[0].split(" ")[1])
        if self.after(exchange) == "reset":
            exchange.lost = True
            raise CutError
        writer.write(_head(answer))
        if method != "HEAD" and exchange.status not in {204, 304}:
            await self._pass_body(answer, store_reader, writer, until_end=True)
        await writer.drain()

    def _for_the_store(self, lines: list[str]) -> list[str]:
        kept = [line for line in lines if not line.lower().startswith("expect:")]
        if self.host:
            kept = [f"Host: {self.host}" if line.lower().startswith("host:") else line for line in kept]
        return kept

    async def _pass_body(self, lines, reader, writer, *, until_end: bool = False) -> None:
        if "chunked" in _header(lines, "transfer-encoding"):
            while size := await self._pass_chunk_head(reader, writer):
                await self._pass_bytes(size + 2, reader, writer)
            writer.write(await reader.readuntil(b"\r\n"))
        elif length := _header(lines, "content-length"):
            await self._pass_bytes(int(length), reader, writer)
        elif until_end:
            while piece := await reader.read(_PIECE):
                writer.write(piece)
            raise CutError
        await writer.drain()

    async def _pass_chunk_head(self, reader, writer) -> int:
        head = await reader.readuntil(b"\r\n")
        writer.write(head)
        return int(head.split(b";")[0], 16)

    async def _pass_bytes(self, left: int, reader, writer) -> None:
        while left:
            piece = await reader.read(min(left, _PIECE))
            if not piece:
                raise CutError
            left -= len(piece)
            writer.write(piece)
            await writer.drain()
            if self.rate:
                await asyncio.sleep(len(piece) / self.rate)


def _lines(head: bytes) -> list[str]:
    return head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


def _head(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _header(lines: list[str], name: str) -> str:
    found = (line.partition(":") for line in lines[1:])
    return next((value.strip() for one, _, value in found if one.strip().lower() == name), "")
