"""Servers that are stopped as SIGSTOP does, and go on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from engines.runs.processes import is_stopped
from rehearsal.servers import PostgresServer


@contextlib.contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Stop every process of a server, as SIGSTOP does, and let them go on."""
    found = [int((Path(server.folder) / "postmaster.pid").read_text().split()[0])]
    try:
        _stop(found)
        yield
    finally:
        for process in found:
            _tell(process, signal.SIGCONT)
        # Whom it has let wait is served before this one: a server that is ended at once waits for them.
        psycopg.connect(server.url()).close()


def _stop(found: list[int]) -> None:
    """Stop the postmaster, which forks nobody after that, and add each of its children that is stopped."""
    main = found[0]
    _tell(main, signal.SIGSTOP)
    while not is_stopped(main):
        time.sleep(0.001)
    # Some may be passed over in a list that is read while others end, so that it is read again.
    while more := set(map(int, _children(main))) - set(found):
        for process in more:
            _tell(process, signal.SIGSTOP)
        found += more


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()


def _tell(process: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # a session that has ended meanwhile
        os.kill(process, what)
