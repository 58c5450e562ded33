"""One worker of a copy: its sessions with both servers, opened when they are first needed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from engines.events import Emit
from engines.postgres.copy import copy_statements
from engines.postgres.copy.copy_stream import CopyStream
from engines.postgres.copy.progress import Progress
from engines.postgres.copy.schema_restore import run_scripts
from engines.postgres.copy.task_graph import Analyze, CopyRows, RunScripts, Work
from engines.postgres.session import (
    Address,
    BusyError,
    Session,
    UnreachableError,
    asyncpg_params,
    connection,
    search_path,
    settings,
    translated,
)

# Other than the main session's: the holder of a target's lock may end sessions of this name there.
PURPOSE = "bmii-migrate pg_clone worker"

# What makes writing quick, and loses nothing: the last step of a copy waits until all is on disk.
_QUICK = "SET synchronous_commit = off"
# More memory made building an index slower: what is sorted at a time should fit the cache.
_BUILD_MEMORY = "SET maintenance_work_mem = '32MB'"
_STALE = """
SELECT pid FROM pg_stat_activity
WHERE application_name = %s AND usename = current_user AND datname = current_database()"""
_POLL = 0.1
_REPLICA = "SET session_replication_role = replica"


@dataclass(frozen=True)
class WorkerContext:
    """Where the work is: both addresses with a session each (for what libpq found out), and the snapshot.

    ``replica`` says that triggers may be switched off for a session. Functions look up names along
    ``search_path``.
    """

    source: Address
    target: Address
    source_session: Session
    target_session: Session
    snapshot: str
    replica: bool
    search_path: str


def may_switch_triggers_off(target: Session) -> bool:
    """Return whether the user of ``target`` may switch triggers and keys off for a session."""
    try:
        with target.transaction(force_rollback=True):
            target.execute(_REPLICA)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


class CopyWorker:
    """Copies rows, runs scripts, gathers statistics. Made and used in one thread; ``stop`` is for others."""

    def __init__(self, context: WorkerContext, progress: Progress, emit: Emit) -> None:
        self._context = context
        self._progress = progress
        self._emit = emit
        self._stream: CopyStream | None = None
        self._session: Session | None = None
        self._stopped = False

    def do(self, work: Work) -> None:
        """Do one piece of work. Raises ``PostgresError``."""
        if isinstance(work, CopyRows):
            self._copy_rows(work)
        elif isinstance(work, RunScripts):
            self._run_scripts(work)
        else:
            self._analyze(work)

    def stop(self) -> None:
        """Break off what is being done."""
        self._stopped = True
        if self._stream is not None:
            self._stream.stop()
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.cancel_safe(timeout=2)

    def close(self) -> None:
        """End the sessions."""
        if self._stream is not None:
            self._stream.close()
        if self._session is not None:
            self._session.close()

    def _copy_rows(self, work: CopyRows) -> None:
        parts = work.parts
        for one in parts:
            self._progress.started(one.table)
        rows = self._copy_stream().copy(
            copy_statements.statements(parts),
            lambda number, size: self._progress.streamed(parts[number].table, size),
        )
        for one, count in zip(parts, rows, strict=True):
            self._progress.landed(one.table, one.chunk, count)

    def _run_scripts(self, work: RunScripts) -> None:
        session = self._target()
        for one in work.scripts:
            self._emit("schema.step", what=one.what)
        with translated(str(self._context.target)):
            run_scripts(session, work.scripts, self._context.search_path)

    def _analyze(self, work: Analyze) -> None:
        session = self._target()
        more = f" and {len(work.tables) - 1} more" if len(work.tables) > 1 else ""
        tables = sql.SQL(", ").join(sql.Identifier(*name) for name in work.tables)
        with (
            translated(f"{self._context.target} {'.'.join(work.tables[0])}{more}"),
            search_path.along(session, self._context.search_path),
        ):
            session.execute(sql.SQL("ANALYZE {}").format(tables))

    def _target(self) -> Session:
        if self._session is None:
            self._check()
            self._session = connection.connect(self._context.target, purpose=PURPOSE)
            with translated(str(self._context.target)):
                self._session.execute(f"{_QUICK}; {_BUILD_MEMORY}")
        return self._session

    def _copy_stream(self) -> CopyStream:
        if self._stream is None:
            self._check()
            context = self._context
            self._stream = CopyStream(
                asyncpg_params.arguments(context.source, context.source_session, purpose=PURPOSE),
                asyncpg_params.arguments(context.target, context.target_session, purpose=PURPOSE),
                names=(str(context.source), str(context.target)),
                start_source=(
                    settings.statement(version=context.source_session.info.server_version, read_only=True),
                    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                    f"SET TRANSACTION SNAPSHOT '{context.snapshot}'",
                    settings.READER,
                    search_path.setting(context.search_path),
                ),
                start_target=(
                    settings.statement(version=context.target_session.info.server_version, read_only=False),
                    search_path.setting(context.search_path),
                    _QUICK,
                    *([_REPLICA] if context.replica else []),
                ),
            )
        return self._stream

    def _check(self) -> None:
        if self._stopped:
            raise UnreachableError(
                "the work was broken off",
                subject=str(self._context.target),
                remedy="Another part failed first: see its message. The same command continues.",
            )


def terminate_stale_workers(target: Session, *, seconds: float) -> None:
    """End what workers of a dead copy left running on the target, and wait for it, at most ``seconds``.

    Call it only while holding the lock: no living copy works there then. Raises ``BusyError``.
    """
    deadline = time.monotonic() + seconds
    while found := [row[0] for row in target.execute(_STALE, [PURPOSE])]:
        if time.monotonic() >= deadline:
            raise BusyError(
                f"an earlier copy that was cut still works there (process {found[0]} of the server)",
                subject=target.info.dbname,
                remedy="Wait until it has ended, then run the same command again.",
            )
        for pid in found:
            target.execute("SELECT pg_terminate_backend(%s)", [pid])
        time.sleep(_POLL)
