"""Clones in processes of their own that start at once: forked from one that has imported the engine.

Reads one JSON request per line. Each child tells over a socket what happens, and waits for leave to go on
after each event: whoever listens may kill it, or what it works with, at exactly that instant.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import traceback

from engines.errors import EngineError
from engines.postgres import clone_database, clone_result
from engines.postgres.plan import CloneOptions
from engines.postgres.session import connection


class Listener:
    """The line to whoever asked for the clone."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._lines = self._socket.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()

    def report(self, what: str, **fields: object) -> None:
        with self._lock:
            self._lines.write(json.dumps({"what": what, **fields}, default=str) + "\n")
            self._lines.flush()
            self._lines.readline()

    def emit(self, kind: str, **fields: object) -> None:
        self.report("event", event={"kind": kind, **fields})


def work(request: dict) -> None:
    listener = Listener(request["port"])
    listener.report("started", pid=os.getpid())
    ends = [connection.parse(request[name]) for name in ("source", "target")]
    try:
        done = clone_database(*ends, CloneOptions(**request["options"]), check=False, emit=listener.emit)
    except EngineError as error:
        listener.report("failed", message=str(error), kind=type(error).__name__)
    except BaseException:  # noqa: BLE001 - told to the test, which fails
        listener.report("broken", message=traceback.format_exc())
    else:
        listener.report("done", result=clone_result(done))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            try:
                work(json.loads(line))
            finally:
                os._exit(0)


if __name__ == "__main__":
    main()
