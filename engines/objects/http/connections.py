"""HTTP/1.1 as far as S3 needs it, on connections that are kept open. One connection serves one thread.

Written for this because the parsing of headers in ``http.client`` costs more than all other work on a small
object, and because other clients tidy up paths (``a/../b``), which are names here.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from engines.objects.http.route import route

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
_READ = 1 << 16
# A body up to this size is sent in one piece with its header.
_JOINED = 1 << 16
# Bytes of a larger body that are sent at a time: the time limit is for each.
_SENT = 1 << 20
_MOST_HEADER = 1 << 20
_NO_BODY = frozenset({204, 304})
_FINAL = 200


class ConnectError(OSError):
    """No connection could be made."""


class ProxyRefusedError(ConnectError):
    """The proxy asks for credentials, or for others."""


class BrokenError(OSError):
    """A connection ended in the middle of a request."""


class Response:
    """A response whose body is yet to be read. ``length`` is None where it was not announced."""

    def __init__(self, connections: ConnectionPool, connection: Connection, method: str) -> None:
        self._connections, self._connection = connections, connection
        self.status, self.headers = connection.head()
        connections.note()
        self._open = True
        self._last_chunk = False
        length = self.headers.get("content-length")
        self.length = _number(length, 10) if length is not None else None
        self._chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        if method == "HEAD" or self.status in _NO_BODY:
            self._left: int | None = 0
            self._chunked = False
        else:
            self._left = 0 if self._chunked else self.length
        self._keep = self.headers.get("connection", "").lower() != "close"
        if self._left == 0 and not self._chunked:
            self._end()

    def readinto(self, view: memoryview) -> int:
        """Read some of the body into ``view`` (not empty); return how many bytes, 0 at its end.

        Raises ``BrokenError`` when the connection ends before the body does.
        """
        if not self._open:
            return 0
        try:
            if self._chunked and not self._left:
                self._left = self._next_chunk()
                if not self._left:
                    self._end()
                    return 0
            wanted = len(view) if self._left is None else min(len(view), self._left)
            count = self._connection.readinto(view[:wanted])
            self._connections.note()
        except OSError:
            self.close()
            raise
        if self._left is None:
            if not count:
                self._keep = False
                self._end()
            return count
        if not count:
            self.close()
            raise BrokenError("the connection ended inside a body")
        self._left -= count
        if not self._left and not self._chunked:
            self._end()
        return count

    def _next_chunk(self) -> int:
        if self._last_chunk:
            self._connection.line()  # the end of the chunk before
        self._last_chunk = True
        size = _number(self._connection.line().split(b";")[0].decode("latin-1"), 16)
        while not size and self._connection.line():
            pass  # trailers
        return size

    def read(self) -> bytes:
        """Return the whole body: for responses that are small."""
        pieces, buffer = [], bytearray(_READ if self._left is None or self._chunked else max(self._left, 1))
        while count := self.readinto(memoryview(buffer)):
            pieces.append(bytes(buffer[:count]))
        return b"".join(pieces)

    def skip(self) -> None:
        """Read what is left and forget it: it was announced, and the headers said all."""
        try:
            self.read()
        except OSError:
            self.close()

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._connections.give_back(self._connection, keep=self._keep)

    def close(self) -> None:
        """Give the response up; a connection with an unread body cannot be used again."""
        if self._open:
            self._open = False
            self._connections.give_back(self._connection, keep=False)


def _number(text: str, base: int) -> int:
    """Return a length that the other end has announced."""
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise BrokenError("the response is not HTTP")
    return number


class Connection:
    """One open connection. ``used``: it has served before, so that the other end may have closed it since."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._got = b""
        self.used = False

    def send(self, head: bytes, body: Any, taken: Callable[[], None]) -> None:
        """Send a request. An error is kept back if the store has answered already.

        ``taken`` is called whenever some of the body was taken.
        """
        try:
            if len(body) <= _JOINED:
                self._socket.sendall(head + body)
            else:
                self._socket.sendall(head)
                for start in range(0, len(body), _SENT):
                    self._socket.sendall(body[start : start + _SENT])
                    taken()
        except (BrokenPipeError, ConnectionResetError):
            # A store that refuses a large body says why, and closes.
            if not self._fill():
                raise

    def head(self) -> tuple[int, dict[str, str]]:
        """Return status and headers of the next final response; names in lower case."""
        while True:
            while (end := self._got.find(b"\r\n\r\n")) < 0:
                if len(self._got) > _MOST_HEADER or not self._fill():
                    raise BrokenError("the connection ended without a response")
            lines = self._got[:end].decode("latin-1").split("\r\n")
            self._got = self._got[end + 4 :]
            first = lines[0].split(" ", 2)
            is_http = len(first) > 1 and first[0].startswith("HTTP/1.") and first[1].isdigit()
            # A bare line end in a value would become a header of its own when the value is sent on.
            if not is_http or any("\n" in line or "\r" in line for line in lines):
                raise BrokenError("the response is not HTTP")
            status = int(first[1])
            if status >= _FINAL:
                break
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name = name.lower()
            headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
        return status, headers

    def line(self) -> bytes:
        """Return the next line without its end."""
        while (end := self._got.find(b"\r\n")) < 0:
            if not self._fill():
                raise BrokenError("the connection ended inside a body")
        line, self._got = self._got[:end], self._got[end + 2 :]
        return line

    def readinto(self, view: memoryview) -> int:
        """Read the available bytes into ``view``."""
        if self._got:
            count = min(len(view), len(self._got))
            view[:count] = self._got[:count]
            self._got = self._got[count:]
            return count
        return self._socket.recv_into(view)

    def _fill(self) -> bool:
        piece = self._socket.recv(_READ)
        self._got += piece
        return bool(piece)

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is left over from the last request."""
        return not self._got

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):
            self._socket.close()


class ConnectionPool:
    """Connections to one host. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._route = route(url)
        self.host = urlsplit(url).netloc
        self._idle: deque[Connection] = deque()
        self._tls = _tls() if self._route.secure else None
        self._lock = threading.Lock()
        # Requests whose answer has not begun, and when anything was heard of the host.
        self._waiting = 0
        self._unanswered = False
        self.heard = time.monotonic()

    @property
    def silence(self) -> float:
        """Return for how many seconds nothing was heard of the host, 0 if it was asked nothing."""
        return time.monotonic() - self.heard if self._waiting or self._unanswered else 0.0

    def note(self) -> None:
        """Note that something was heard of the host."""
        self.heard = time.monotonic()

    def request(self, method: str, target: str, headers: dict[str, str], body: Any = b"") -> Response:
        """Send one request and return its response. Raises ``OSError``, of which ``ConnectError`` is one."""
        with self._lock:
            if not self._waiting and not self._unanswered:
                self.heard = time.monotonic()
            self._waiting += 1
        try:
            response = self._request(method, target, headers, body)
            self._unanswered = False
            return response
        except TimeoutError:
            self._unanswered = True
            raise
        finally:
            with self._lock:
                self._waiting -= 1

    def _request(self, method: str, target: str, headers: dict[str, str], body: Any) -> Response:
        if self._route.absolute:
            headers = headers | self._route.proxy_headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {self._route.absolute}{target} HTTP/1.1\r\n{lines}\r\n".encode()
        while True:
            connection = self._take()
            try:
                connection.send(head, body, self.note)
                return Response(self, connection, method)
            except (BrokenPipeError, ConnectionResetError, BrokenError):
                connection.close()
                # A kept connection may have been closed by the store; a new one shows what is wrong.
                if not connection.used:
                    raise
            except BaseException:
                connection.close()
                raise

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, connection: Connection, *, keep: bool) -> None:
        """Return a connection to the pool, or close it if it cannot be used again."""
        if keep and connection.is_clean:
            connection.used = True
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> Connection:
        way = self._route
        host, port = way.proxy or (way.host, way.port)
        maker: http.client.HTTPConnection
        if self._tls is not None:
            maker = http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._tls)
            if way.proxy:
                maker.set_tunnel(way.host, way.port, way.proxy_headers)
        else:
            maker = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        try:
            maker.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            # A proxy's response may be no HTTP; a host name may be invalid.
            maker.close()
            if "407" in str(error):
                raise ProxyRefusedError(str(error)) from error
            raise ConnectError(str(error)) from error
        maker.sock.settimeout(ANSWER_SECONDS)
        return Connection(maker.sock)


def _tls() -> ssl.SSLContext:
    """Return the trust of the machine, or of ``AWS_CA_BUNDLE`` as other AWS tools have it."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
