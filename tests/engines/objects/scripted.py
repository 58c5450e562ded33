"""A store that does what a script says: what it or the way to it may do wrong, one step a request."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

BODY = bytes(range(256)) * 4096
ETAG = {
    "ETag": '"e"',
    "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    "x-amz-tagging-count": "0",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        # A client that gives up is no concern of the server's.
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = SimpleNamespace(command=self.command, path=self.path, headers=self.headers, body=body)
        self.asked = asked
        self.server.seen.append(asked)
        with self.server.lock:
            step = self.server.script.pop(0) if self.server.script else self.server.otherwise
        step(self)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)


def answer(status=200, body=b"", **headers):
    def step(handler):
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return step


def refuse(code, status):
    return answer(status, f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode())


def cut(after, body=BODY):
    """Send so many bytes of an object, and reset the connection."""

    def step(handler):
        start = int((handler.headers.get("range") or "bytes=0-")[6:].split("-")[0])
        handler.send_response(206 if start else 200)
        for name, value in ETAG.items():
            handler.send_header(name, value)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.wfile.write(body[start : start + after])
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return step


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def chunked(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n")


def until_the_end(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nabcdefg")
    hang_up(handler)


def continuing(handler):
    handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    answer(200, b"abcdefg")(handler)


def bad_length(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\nabc")
    hang_up(handler)


def bad_chunk(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n")
    hang_up(handler)


def half_a_chunk(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\nd")
    hang_up(handler)


def source(handler):
    """Serve BODY for a GET, with ranges; take what is written."""
    if handler.command == "GET":
        first, last = (handler.headers.get("range") or "bytes=0-")[6:].split("-")
        start, stop = int(first), min(int(last or len(BODY) - 1), len(BODY) - 1) + 1
        headers = dict(ETAG)
        if handler.headers.get("range"):
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(BODY)}"
        answer(206 if handler.headers.get("range") else 200, BODY[start:stop], **headers)(handler)
    elif "uploads" in handler.path:
        answer(200, b"<R><UploadId>u</UploadId></R>")(handler)
    elif handler.command == "POST":
        answer(200, b"<R><ETag>&#34;whole-4&#34;</ETag></R>")(handler)
    else:
        answer(200, ETag='"t"')(handler)
