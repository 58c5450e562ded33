"""Servers that are stopped as SIGSTOP does, and go on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from rehearsal.servers import PostgresServer


def processes(server: PostgresServer) -> list[int]:
    """Return the postmaster and its children."""
    main = int((Path(server.folder) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return [main, *map(int, children)]


@contextlib.contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Stop every process of a server, as SIGSTOP does, and let them go on."""
    found = processes(server)
    for process in found:
        _tell(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in found:
            _tell(process, signal.SIGCONT)
        # Whom it has let wait is served before this one: a server that is ended at once waits for them.
        psycopg.connect(server.url()).close()


def _tell(process: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # a session that has ended meanwhile
        os.kill(process, what)
