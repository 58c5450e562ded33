"""Passing an HTTP request on as it came, and its answer back."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})
_TIMEOUT = 300


class Forwarder(BaseHTTPRequestHandler):
    """Handles a request by what another server answers to it."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT

    def body(self) -> bytes:
        """Return the body of the request."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def forward(
        self, host: str, port: int, body: bytes, *, path: str = "", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send the request to ``host``, for another ``path`` and with other ``headers`` if given."""
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        with contextlib.closing(connection):
            self._ask(connection, body, path or self.path, headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def _ask(
        self, connection: http.client.HTTPConnection, body: bytes, path: str, headers: Mapping[str, str]
    ) -> None:
        connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        given = {name.lower() for name in headers}
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP | given:
                connection.putheader(name, value)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or self.command in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)

    def answer(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        """Answer as was answered."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        # The answer to HEAD has a Content-Length and no body.
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(body))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        """Say nothing: what matters is recorded."""
