"""One worker of a copy: its sessions with both servers, opened when they are first needed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from engines.events import Emit
from engines.postgres.catalog import Name
from engines.postgres.copy import copy_statements
from engines.postgres.copy.copy_statements import TriggerSwitch
from engines.postgres.copy.copy_stream import CopyStream
from engines.postgres.copy.progress import Progress
from engines.postgres.copy.schema_restore import apply
from engines.postgres.copy.task_graph import Analyze, CopyRows, RunScript, Work
from engines.postgres.session import (
    Address,
    BusyError,
    Session,
    UnreachableError,
    asyncpg_params,
    connection,
    search_path,
    translated,
)

# Other than the main session's: whoever holds the lock of a target may end sessions of this name there.
PURPOSE = "bmii-migrate pg_clone worker"

# What makes writing quick, and loses nothing: the last step of a copy waits until all is on disk.
_QUICK = "SET synchronous_commit = off"
# More memory made building an index slower: what is sorted at a time should fit the cache.
_BUILD_MEMORY = "SET maintenance_work_mem = '32MB'"
_LEFTOVERS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = %s AND usename = current_user AND datname = current_database()"""
_POLL = 0.1
_NO_TRIGGERS = "SET session_replication_role = replica"


@dataclass(frozen=True)
class WorkerContext:
    """Where the work is: both addresses with a session each (for what libpq found out), and the snapshot.

    ``replica`` says that triggers may be switched off for a session; ``quiet`` has what switches those off
    that are there, table by table. Functions look up names along ``search_path``.
    """

    source: Address
    target: Address
    source_session: Session
    target_session: Session
    snapshot: str
    replica: bool
    quiet: Mapping[Name, TriggerSwitch]
    search_path: str


def may_switch_triggers_off(target: Session) -> bool:
    """Say whether the user of ``target`` may switch triggers and keys off for a session."""
    try:
        with target.transaction(force_rollback=True):
            target.execute(_NO_TRIGGERS)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


class CopyWorker:
    """Brings rows, runs scripts, gathers statistics. Made and used in one thread; ``stop`` is for others."""

    def __init__(self, site: WorkerContext, progress: Progress, emit: Emit) -> None:
        self._site = site
        self._progress = progress
        self._emit = emit
        self._relay: CopyStream | None = None
        self._session: Session | None = None
        self._stopped = False

    def do(self, work: Work) -> None:
        """Do one piece of work. Raises ``PostgresError``."""
        if isinstance(work, CopyRows):
            self._load(work)
        elif isinstance(work, RunScript):
            self._apply(work)
        else:
            self._gather(work)

    def stop(self) -> None:
        """Break off what is being done."""
        self._stopped = True
        if self._relay is not None:
            self._relay.stop()
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.cancel_safe(timeout=2)

    def close(self) -> None:
        """End the sessions."""
        if self._relay is not None:
            self._relay.close()
        if self._session is not None:
            self._session.close()

    def _load(self, work: CopyRows) -> None:
        table = work.table
        quiet = self._site.quiet.get(table.key, TriggerSwitch())
        self._progress.started(table)
        way = copy_statements.way(table, work.part, quiet)
        rows, _ = self._wire().copy(way, lambda size: self._progress.streamed(table, size))
        self._progress.landed(table, work.part, rows)

    def _apply(self, work: RunScript) -> None:
        session = self._target()
        self._emit("schema.step", what=work.what)
        with translated(str(self._site.target)):
            apply(session, work, self._site.search_path)

    def _gather(self, work: Analyze) -> None:
        session = self._target()
        with (
            translated(f"{self._site.target} {'.'.join(work.table)}"),
            search_path.along(session, self._site.search_path),
        ):
            session.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*work.table)))

    def _target(self) -> Session:
        if self._session is None:
            self._check()
            self._session = connection.connect(self._site.target, purpose=PURPOSE)
            with translated(str(self._site.target)):
                self._session.execute(_QUICK)
                self._session.execute(_BUILD_MEMORY)
        return self._session

    def _wire(self) -> CopyStream:
        if self._relay is None:
            self._check()
            site = self._site
            self._relay = CopyStream(
                asyncpg_params.arguments(site.source, site.source_session, purpose=PURPOSE),
                asyncpg_params.arguments(site.target, site.target_session, purpose=PURPOSE),
                names=(str(site.source), str(site.target)),
                start_source=(
                    connection.settings(site.source_session, read_only=True),
                    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                    f"SET TRANSACTION SNAPSHOT '{site.snapshot}'",
                    search_path.setting(site.search_path),
                ),
                start_target=(
                    connection.settings(site.target_session, read_only=False),
                    search_path.setting(site.search_path),
                    _QUICK,
                    *([_NO_TRIGGERS] if site.replica else []),
                ),
            )
        return self._relay

    def _check(self) -> None:
        if self._stopped:
            raise UnreachableError("the work was broken off", subject=str(self._site.target))


def terminate_stale_workers(target: Session, *, seconds: float) -> None:
    """End what workers of a dead copy left running on the target, and wait for it, at most ``seconds``.

    Call it only while holding the lock: no living copy works there then. Raises ``BusyError``.
    """
    deadline = time.monotonic() + seconds
    while found := [row[0] for row in target.execute(_LEFTOVERS, [PURPOSE])]:
        if time.monotonic() >= deadline:
            raise BusyError(
                f"an earlier copy that was cut still works there (process {found[0]} of the server)",
                subject=target.info.dbname,
                remedy="Wait until it has ended, then run the same command again.",
            )
        for pid in found:
            target.execute("SELECT pg_terminate_backend(%s)", [pid])
        time.sleep(_POLL)
