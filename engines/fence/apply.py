"""Putting the fence up and removing it, table by table, each in a short transaction of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateObject, LockNotAvailable, UndefinedTable

from engines.fence import plan, statements
from engines.fence.errors import FenceBusyError, FenceForeignError, FenceLapsedError
from engines.fence.model import SCHEMA, Found, Name, Terms, Writer
from engines.postgres.catalog import relations
from engines.postgres.session import Address, Session, session

PURPOSE = "bmii-migrate fence"
# Longer than the second after which an autovacuum gives way; short, because writers wait for it.
_LOCK_TIMEOUT = "1500ms"
_PAUSE = 0.2


def inspect(address: Address, terms: Terms) -> Found:
    """Return the state of the fence in the database, and what would prevent one. Only reads."""
    with session(address, read_only=True, purpose=PURPOSE) as opened:
        return read(opened, terms)


def read(opened: Session, terms: Terms) -> Found:
    """Return the same, read in an open session."""
    scope = relations.scope(opened, terms.schemas, terms.exclude_tables)
    rows = opened.execute(statements.TABLES).fetchall()
    rows = [row for row in rows if scope.covers(row[0], row[1])]
    noted = opened.execute(statements.NOTE).fetchone()
    note = json.loads(noted[0]) if noted and noted[0] else {}
    holder = opened.execute(statements.HOLDER).fetchone()
    about = opened.execute(statements.DATABASE).fetchone() or ("", True)
    return Found(
        mode=note.get("mode", "open" if noted else "absent"),
        run_id=note.get("run_id", ""),
        environment=note.get("environment", ""),
        ledger=note.get("ledger", ""),
        since=note.get("since", ""),
        tables=tuple((row[0], row[1]) for row in rows),
        bare=tuple((row[0], row[1]) for row in rows if not row[2]),
        covered=tuple((row[0], row[1]) for row in rows if row[2]),
        holder=int(holder[0]) if holder else 0,
        prepared=_names(opened, statements.PREPARED),
        subscriptions=_names(opened, statements.SUBSCRIPTIONS),
        foreign=tuple((row[0], row[1]) for row in rows if not row[3]),
        may_create=bool(about[1]),
        database=str(about[0]),
    )


@dataclass
class Fence:
    """A fence, held by the server's process ``pid`` until ``deadline``, which is by the server's clock."""

    opened: Session
    terms: Terms
    database: str = ""
    deadline: str = ""
    pid: int = 0

    def put_up(self) -> None:
        """Create the trigger on every table and take the lock, once open write transactions have ended.

        Raises ``FenceImpossibleError``, ``FenceForeignError`` and ``FenceBusyError``; nothing of ours refuses
        then.
        """
        claim(self.opened, self.terms)
        found = read(self.opened, self.terms)
        plan.require_possible(found, self.terms)
        self.database = found.database
        self.pid = self.opened.info.backend_pid
        # One that an earlier run has made lasting refuses until the lock is held.
        lasting = found.mode == "lasting"
        if not lasting:
            self._refuse_while_held("")
        while found.bare:
            for table in found.bare:
                self._cover(table)
            found = read(self.opened, self.terms)
        self._take_lock(lasting=lasting)
        # Whoever met the lock after the deadline has passed, and was not waited for.
        if not self.renew(first=lasting):
            raise FenceLapsedError(
                f"its deadline, {self.terms.lease:g} s from then, had passed before it stood",
                subject=self.database,
                remedy="No user was moved. Run the same command again, or raise go_live_fence_lease.",
            )

    def renew(self, *, first: bool = False) -> bool:
        """Let the deadline be ``lease`` seconds from now; False if it has passed, or the lock is gone."""
        if not first and not self.holds():
            return False
        self._refuse_while_held("")
        return True

    def holds(self) -> bool:
        """Return whether the fence has refused without a gap since it was put up."""
        row = self.opened.execute(
            "SELECT pg_backend_pid(), clock_timestamp() < %s::timestamptz", [self.deadline]
        ).fetchone()
        holder = self.opened.execute(statements.HOLDER).fetchone()
        return bool(row and row[0] == self.pid and row[1] and holder and holder[0] == self.pid)

    def keep(self) -> bool:
        """Make it lasting; False if it has opened meanwhile. The session is not needed after that.

        A table that was made since, or whose trigger was dropped or disabled, has taken writes unseen.
        """
        if not self.holds():
            return False
        since = self._now("")
        with self.opened.transaction():
            self.opened.execute(statements.function("lasting", self.terms, database=self.database))
            self.opened.execute(statements.note("lasting", self.terms, since))
        return self.holds() and not read(self.opened, self.terms).bare

    def _refuse_while_held(self, since: str) -> None:
        since = since or self._now("")
        self.deadline = self._now(f"{self.terms.lease} seconds")
        with self.opened.transaction():
            self.opened.execute(statements.CREATE_SCHEMA)
            self.opened.execute(
                statements.function("held", self.terms, database=self.database, deadline=self.deadline)
            )
            self.opened.execute(statements.note("held", self.terms, since))

    def _now(self, plus: str) -> str:
        row = self.opened.execute("SELECT (clock_timestamp() + %s::interval)::text", [plus or "0"]).fetchone()
        return str(row[0]) if row else ""

    def _cover(self, table: Name) -> None:
        name = sql.Identifier(*table).as_string(self.opened)

        def writers() -> list[Writer]:
            return _sessions(self.opened, statements.WRITERS_OF_TABLE, [name])

        def attempt() -> None:
            try:
                _together(self.opened, statements.cover(table))
            except DuplicateObject:  # somebody has disabled it
                _together(self.opened, [statements.uncover(table), *statements.cover(table)])

        with suppress(UndefinedTable):  # dropped meanwhile
            self._patiently(attempt, writers, f"table {name}")

    def _take_lock(self, *, lasting: bool) -> None:
        def attempt() -> None:
            if not lasting:
                # A writer that meets the lock after the deadline passes, and is not waited for.
                self._refuse_while_held("")
            with self.opened.transaction():
                self.opened.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                self.opened.execute(statements.LOCK)

        def writers() -> list[Writer]:
            return _sessions(self.opened, statements.WRITERS, [])

        self._patiently(attempt, writers, f"database {self.database}")

    def _patiently(self, attempt: Callable[[], None], writers: Callable[[], list[Writer]], what: str) -> None:
        """Call ``attempt`` until it gets its lock; after the patience idle writers are ended, or reported.

        Each table has its own: what thousands of others took is not the fault of who writes to the last.
        """
        ended, until = False, time.monotonic() + self.terms.patience
        while True:
            try:
                attempt()
            except LockNotAvailable:
                found = writers()
            else:
                return
            if time.monotonic() >= until:
                idle = [one for one in found if one.state.startswith("idle in transaction")]
                if ended or not self.terms.end_idle or not idle:
                    raise _busy(found, what, self.terms)
                for one in idle:
                    self.opened.execute(statements.END_SESSION, [one.pid])
                ended = True
            time.sleep(_PAUSE)


def claim(opened: Session, terms: Terms) -> None:
    """Let nobody else put a fence up or remove one while this session lives.

    Who does either is waited for as long as writers are. Raises ``FenceForeignError``, at once if another
    session holds a fence.
    """
    until = time.monotonic() + terms.patience
    while not _first(opened, statements.CLAIM):
        holder = _first(opened, statements.HOLDER)
        if holder or time.monotonic() >= until:
            found = read(opened, terms)
            pid = holder or _first(opened, statements.CLAIMANT)
            does = "holds its fence" if holder else "puts up or removes its fence"
            raise FenceForeignError(
                f"run {found.run_id or 'without a name'} {does} (process {pid} of the server)",
                subject=found.database,
                remedy="End that run, or wait until it has ended: its fence opens then.",
            )
        time.sleep(_PAUSE)


def lift(address: Address, terms: Terms) -> list[str]:
    """Take the fence away, unless a run that lives holds it, or another environment has made it lasting.

    Return what is left of it: a trigger that cannot be dropped in time lets everything pass. Writers are let
    in at once. Raises ``FenceForeignError``.
    """
    with session(address, purpose=PURPOSE) as opened:
        claim(opened, terms)
        plan.require_own(read(opened, terms), terms)
        return remove(opened, terms)


def clear(address: Address, terms: Terms) -> None:
    """Remove what is left of a fence whose session has ended, unless it is another run's, or lasting.

    Another run may have moved the users since.
    """
    with session(address, purpose=PURPOSE) as opened:
        claim(opened, terms)
        found = read(opened, terms)
        if found.run_id == terms.run_id and found.mode == "held":
            remove(opened, terms)


def remove(opened: Session, terms: Terms) -> list[str]:
    """Allow writes, then drop the triggers; return the tables where one is left, which refuses nothing.

    Raises ``FenceForeignError`` if another session holds it, puts it up or removes it.
    """
    claim(opened, terms)
    everything = Terms(terms.run_id)
    found = read(opened, everything)
    if found.mode == "absent":
        return []
    # First: while the lock is held, who passes an open fence could not be waited for by the next.
    if found.holder == opened.info.backend_pid:
        opened.execute(statements.UNLOCK)
    with opened.transaction():
        opened.execute(statements.function("open", terms, database=found.database))
        opened.execute(statements.note("open", terms, ""))
    until = time.monotonic() + terms.patience
    left = list(found.covered)
    while left:
        left = [table for table in left if not _dropped(opened, table)]
        if time.monotonic() >= until:
            break
        if left:  # who waits behind us for the table gets it
            time.sleep(_PAUSE)
    if not left:
        try:
            # It takes with it the triggers that somebody has disabled.
            _together(opened, [statements.DROP_SCHEMA])
        except LockNotAvailable:
            return [SCHEMA]
    return [".".join(table) for table in left]


def _dropped(opened: Session, table: Name) -> bool:
    try:
        _together(opened, [statements.uncover(table)])
    except LockNotAvailable:
        return False
    except UndefinedTable:
        return True
    return True


def _together(opened: Session, wanted: Iterable[sql.Composed]) -> None:
    with opened.transaction():
        opened.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        for statement in wanted:
            opened.execute(statement)


def _sessions(opened: Session, query: str, parameters: list[str]) -> list[Writer]:
    try:
        return [Writer(*row) for row in opened.execute(query, parameters)]
    except psycopg.Error:
        return []


def _first(opened: Session, query: str) -> int:
    row = opened.execute(query).fetchone()
    return int(row[0]) if row else 0


def _names(opened: Session, query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in opened.execute(query))


def _busy(found: list[Writer], what: str, terms: Terms) -> FenceBusyError:
    reported = [str(one) for one in found]
    return FenceBusyError(
        f"writers have not let go of it in {terms.patience:g} s: {'; '.join(reported) or 'just ended'}",
        subject=what,
        remedy=(
            "The fence was taken away again, and no user was moved. End these sessions, or let their "
            "transactions end, and run the same command again. Those that are idle in a transaction are "
            "ended after migrate_source_fence_patience with -e migrate_source_fence_end_idle=ENVIRONMENT."
        ),
        details=reported,
    )
