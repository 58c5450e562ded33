"""A proxy before an AWS or S3 endpoint that passes everything on, and writes down what was asked.

``python -m rehearsal.recording PORT UPSTREAM FILE`` runs it in the foreground: one JSON line per call in
FILE. With ``-e platform_aws_endpoint=http://127.0.0.1:PORT`` a rehearsal goes through it.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from rehearsal.process import LOOPBACK
from rehearsal.recording.calls import Call, classify
from rehearsal.recording.faults import DENIED, FAILED, LATE, LOST, THROTTLED, Faults, refusal
from rehearsal.recording.forwarding import Forwarder
from rehearsal.servers import ACCOUNT_ID


class Recorder:
    """The calls that have gone through, in order. ``endpoint`` is where clients connect."""

    def __init__(self, upstream: str, *, port: int = 0, account_id: str = ACCOUNT_ID) -> None:
        self.calls: list[Call] = []
        self.listener: Callable[[Call], None] = lambda _: None
        self.faults = Faults()
        self._lock = threading.Lock()
        self._server = _Server(port, upstream, account_id, self._keep, self.faults)

    @property
    def endpoint(self) -> str:
        """The URL that stands for the upstream's."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def writes(self) -> list[Call]:
        """The calls that may have changed something."""
        return [call for call in self.calls if call.mutates]

    def forget(self) -> None:
        """Begin anew, as for another run."""
        with self._lock:
            self.calls.clear()

    def serve(self) -> None:
        """Serve until ``close`` is called from another thread."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _keep(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)
            self.listener(call)


@contextlib.contextmanager
def recording(upstream: str) -> Iterator[Recorder]:
    """Record on a free port for the length of a ``with`` block."""
    recorder = Recorder(upstream)
    thread = threading.Thread(target=recorder.serve, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        recorder.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """Knows where requests go, and who wants to know of them."""

    daemon_threads = True

    def __init__(
        self, port: int, upstream: str, account_id: str, keep: Callable[[Call], None], faults: Faults
    ) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.faults = faults
        self.upstream = urlsplit(upstream)
        self.account_id = account_id
        self.keep = keep


class _Handler(Forwarder):
    """Passes one request after the other on."""

    server: _Server

    def _pass_on(self) -> None:
        body = self.body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = classify(self.command, self.path, headers, body, self.server.account_id)
        if call is not None:
            self.server.keep(call)  # before it is passed on: a call that fails was made, too
        fault = self.server.faults.take(call)
        if call and fault in {THROTTLED, FAILED, DENIED}:
            self._refuse(*refusal(fault, call, headers))
            return
        where = self.server.upstream
        answer, content = self.forward(where.hostname or "", where.port or 80, body)
        if fault == LOST:
            self.close_connection = True
            return
        if fault == LATE:
            time.sleep(self.server.faults.delay)
        self.answer(answer, content)

    def _refuse(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - http.server's names


def main() -> None:
    """Record in this process until it is stopped."""
    port, upstream, file = sys.argv[1:4]
    recorder = Recorder(upstream, port=int(port))
    with Path(file).open("a", encoding="utf-8", buffering=1) as log:
        recorder.listener = lambda call: print(json.dumps(call.as_dict()), file=log)
        recorder.serve()
