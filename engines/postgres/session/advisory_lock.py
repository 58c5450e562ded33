"""One migration at a time works on a database: an advisory lock, which ends with its session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engines.postgres.session.connection import Session
from engines.postgres.session.errors import BusyError

# A number of this tool's own. Clone and upgrade share it: neither may start while the other works.
KEY = 0x626D6969

TRY = f"SELECT pg_try_advisory_lock({KEY})"
RELEASE = f"SELECT pg_advisory_unlock({KEY})"
HOLDER = f"""
SELECT a.pid, coalesce(nullif(a.application_name, ''), 'a session'),
       coalesce(date_trunc('second', a.backend_start)::text, 'an unknown time')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = {KEY}
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""  # noqa: S608 - constants only

_POLL = 0.2


def wait(
    attempt: Callable[[], bool],
    holder: Callable[[], tuple[object, ...] | None],
    *,
    seconds: float,
    subject: str,
) -> None:
    """Call ``attempt`` until it has the lock, at most ``seconds``; raise ``BusyError`` about the holder.

    Asking again and again, rather than waiting inside the server, keeps no snapshot open: one would block
    ``CREATE INDEX CONCURRENTLY`` of the migration that is waited for.
    """
    deadline = time.monotonic() + seconds
    while not attempt():
        if time.monotonic() >= deadline:
            found = holder()
            who = (
                f"{found[1]}, process {found[0]} of the server, since {found[2]}"
                if found
                else "it has just ended"
            )
            raise BusyError(
                f"another migration works on this database ({who})",
                subject=subject,
                remedy="Wait until it has ended, then run the same command again.",
            )
        time.sleep(_POLL)


@contextmanager
def exclusive(session: Session, *, seconds: float, subject: str) -> Iterator[None]:
    """Hold the lock in ``session`` for the length of a ``with`` block."""

    def attempt() -> bool:
        row = session.execute(TRY).fetchone()
        return bool(row and row[0])

    wait(attempt, lambda: session.execute(HOLDER).fetchone(), seconds=seconds, subject=subject)
    try:
        yield
    finally:
        if not session.closed:
            session.execute(RELEASE)
