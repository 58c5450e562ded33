"""A proxy that damages some of what passes: exchanges are read whole, changed by chance, and passed on."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.1"
_PIECE = 1 << 18
_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_NO_BODY = (204, 304)


@dataclass
class Message:
    """A request or an answer: its first line, its headers, its body without the framing of chunks."""

    first: bytes
    headers: list[bytes]
    body: bytes = b""

    def header(self, name: bytes) -> bytes:
        found = (line.partition(b":") for line in self.headers)
        return next((value.strip() for one, _, value in found if one.lower() == name), b"")

    def framed(self, length: int | None = None, *, has_length: bool = True) -> bytes:
        """Return its bytes, with a length of its own choice."""
        kept = [one for one in self.headers if one.partition(b":")[0].lower() not in _FRAMING]
        if has_length:
            kept.append(b"Content-Length: %d" % (len(self.body) if length is None else length))
        return _LINE_END.join([self.first, *kept]) + _HEAD_END + self.body


_FRAMING = (b"content-length", b"transfer-encoding")


class Ended(Exception):  # noqa: N818 - no error: one end has closed
    """A connection ended."""


class Reader:
    """Reads messages from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket, self._got = sock, b""

    def message(self, *, bodiless: bool = False) -> Message:
        head = self._until(_HEAD_END)
        while head.startswith(b"HTTP/1.1 100"):
            head = self._until(_HEAD_END)
        first, *headers = head.removesuffix(_HEAD_END).split(_LINE_END)
        found = Message(first, headers)
        status = first.split(b" ")[1] if first.startswith(b"HTTP/") else b""
        if bodiless or (status.isdigit() and int(status) in _NO_BODY):
            return found
        if found.header(b"expect"):
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            found.headers = [one for one in headers if not one.lower().startswith(b"expect:")]
        if b"chunked" in found.header(b"transfer-encoding").lower():
            found.body = b"".join(self._chunks())
        else:
            found.body = self._exactly(int(found.header(b"content-length") or 0))
        return found

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._until(_LINE_END).split(b";")[0], 16):
            yield self._exactly(size)
            self._exactly(2)
        self._until(_LINE_END)

    def _until(self, end: bytes) -> bytes:
        while end not in self._got:
            self._more()
        found, _, self._got = self._got.partition(end)
        return found + end

    def _exactly(self, size: int) -> bytes:
        while len(self._got) < size:
            self._more()
        found, self._got = self._got[:size], self._got[size:]
        return found

    def _more(self) -> None:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise Ended
        self._got += piece


def _flipped(chance: random.Random, text: bytes) -> bytes:
    """Return bytes of which one bit is another; line ends stay, or it would be a message of another form."""
    where = [number for number, one in enumerate(text) if one not in _LINE_END]
    if not where:
        return text
    changed = bytearray(text)
    for _ in range(100):
        number = chance.choice(where)
        one = changed[number] ^ 1 << chance.randrange(8)
        if one not in _LINE_END:
            changed[number] = one
            break
    return bytes(changed)


def flip_body(chance: random.Random, message: Message) -> bytes | None:
    if not message.body:
        return None
    return Message(message.first, message.headers, _flipped(chance, message.body)).framed()


def flip_header(chance: random.Random, message: Message) -> bytes | None:
    """Flip a bit of a header, but of those that say where the message ends."""
    mine = [n for n, one in enumerate(message.headers) if one.partition(b":")[0].lower() not in _FRAMING]
    if not mine:
        return None
    headers, number = list(message.headers), chance.choice(mine)
    headers[number] = _flipped(chance, headers[number])
    return Message(message.first, headers, message.body).framed()


def flip_status(chance: random.Random, message: Message) -> bytes | None:
    return Message(_flipped(chance, message.first), message.headers, message.body).framed()


def truncate(chance: random.Random, message: Message) -> bytes | None:
    whole = message.framed()
    return whole[: chance.randrange(len(whole))]


def too_long(chance: random.Random, message: Message) -> bytes | None:
    return message.framed(len(message.body) + chance.randrange(1, 999))


def too_short(chance: random.Random, message: Message) -> bytes | None:
    return message.framed(chance.randrange(len(message.body))) if message.body else None


def no_length(chance: random.Random, message: Message) -> bytes | None:
    """Leave out the length of half of a body: it ends with the connection."""
    half = message.body[: chance.randrange(len(message.body))] if message.body else b""
    return Message(message.first, message.headers, half).framed(has_length=False)


def repeat(_: random.Random, message: Message) -> bytes | None:
    return message.framed() * 2


def error(chance: random.Random, message: Message) -> bytes | None:
    status, code = chance.choice(
        [(500, "InternalError"), (502, ""), (503, "SlowDown"), (504, ""), (501, "NotImplemented")]
    )
    body = b"<html>no</html>" if not code else b"<Error><Code>%s</Code></Error>" % code.encode()
    return Message(b"HTTP/1.1 %d No" % status, [b"Content-Type: application/xml"], body).framed()


def drop(_: random.Random, __: Message) -> bytes | None:
    return b""


def delay(_: random.Random, message: Message) -> bytes | None:
    time.sleep(0.3)
    return message.framed()


ANSWERS = (
    flip_body, flip_header, flip_status, truncate, too_long, too_short, no_length, repeat, error, drop, delay,
)  # fmt: skip
REQUESTS = (flip_body, flip_header, truncate, drop, delay)


@dataclass
class Mutator:
    """The proxy. Of all exchanges one in ``one_in`` is damaged, the first ones included. Use it in ``with``.

    ``damages_requests``: whether the way to the store is damaged, too. A store that checks no signatures
    would take any header.
    """

    upstream: int
    seed: Any
    one_in: int
    damages_requests: bool = True
    done: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Mutator:
        self._chance, self._lock = random.Random(self.seed), threading.Lock()
        self._ended = False
        self._listening = socket.create_server((LOOPBACK, 0), backlog=256)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=5).close()
        self._thread.join()
        self._listening.close()

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            if self._ended:
                client.close()
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Whoever gives up shows it by any of these.
        with contextlib.suppress(OSError, Ended, ValueError, IndexError), client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection((LOOPBACK, self.upstream)) as store:
                store.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                asking, answering = Reader(client), Reader(store)
                while self._exchange(asking, answering, client, store):
                    pass

    def _exchange(
        self, asking: Reader, answering: Reader, client: socket.socket, store: socket.socket
    ) -> bool:
        """Pass on one request and its answer; return whether the connections are still good."""
        request = asking.message()
        sent, is_good = self._damaged(request, REQUESTS if self.damages_requests else ())
        store.sendall(sent)
        if not is_good:
            store.shutdown(socket.SHUT_WR)
        answer = answering.message(bodiless=request.first.startswith(b"HEAD "))
        if not is_good:
            client.sendall(answer.framed())
            return False
        is_head = request.first.startswith(b"HEAD ")
        if is_head:
            client.sendall(_LINE_END.join([answer.first, *answer.headers]) + _HEAD_END)
            return True
        said, is_good = self._damaged(answer, ANSWERS, request)
        client.sendall(said)
        return is_good

    def _damaged(
        self, message: Message, ways: tuple[Any, ...], request: Message | None = None
    ) -> tuple[bytes, bool]:
        """Return the bytes to pass on, and whether they are those that came."""
        with self._lock:
            chance = random.Random(self._chance.random())
            is_hit = bool(ways) and not self._chance.randrange(self.one_in)
        if is_hit:
            way = chance.choice(ways)
            damaged = way(chance, message)
            if damaged is not None:
                self.done.append((way.__name__, (request or message).first.decode("latin-1")))
                return damaged, way is delay
        # What has no length and no body says so by neither.
        return message.framed(
            has_length=bool(message.body) or request is not None or _says_length(message)
        ), True


def _says_length(message: Message) -> bool:
    return bool(message.header(b"content-length") or message.header(b"transfer-encoding"))
