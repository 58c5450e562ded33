"""Apply revisions one by one, and report the revision of the database after a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from engines.errors import EngineError
from engines.events import Emit
from engines.postgres.session import Address
from engines.schema import invalid_indexes, offline_sql
from engines.schema.errors import SchemaError
from engines.schema.given_address import given
from engines.schema.invalid_indexes import Index
from engines.schema.model import Options
from engines.schema.revisions import Pending
from engines.schema.session import Watch, opened, said
from engines.schema.target_only import WAYS, OtherAddressError, target_only
from engines.schema.version_table import OfflineOnlyError, VersionTable, required

_AGAIN = "Correct the revision or what it met, then run the same command again."


@dataclass(frozen=True)
class _Standing:
    """The revision of the database after a failure; ``revision`` is None when it could not be read."""

    revision: str | None
    invalid: tuple[Index, ...] = ()


class Executor:
    """Applies revisions in a session that holds the lock."""

    def __init__(
        self,
        connection: sa.Connection,
        config: Config,
        address: Address,
        options: Options,
        table: VersionTable,
        *,
        emit: Emit,
    ) -> None:
        self.connection = connection
        self.table = table
        self.address = address
        self._config = config
        self._options = options
        self._emit = emit
        self._watch = Watch(connection, options)

    def all(self, needed: Sequence[Pending], sql: str) -> None:
        """Apply ``needed`` in order, each on its own whatever ``env.py`` says. Raises ``SchemaError``.

        ``sql`` is what they are known to send.
        """
        self._config.attributes["connection"] = self.connection
        for number, one in enumerate(needed, 1):
            self._emit(
                "revision.started", revision=one.revision, title=one.title, number=number, of=len(needed)
            )
            self._watch.committed = False
            try:
                self._upgrade(one)
            except (Exception, SystemExit, OtherAddressError) as error:
                raise self._failed(
                    one, needed[: number - 1], error, sql, half_done=self._watch.committed
                ) from error
            self._require_done(one)
            self._emit("revision.applied", revision=one.revision, number=number, of=len(needed))

    def _upgrade(self, one: Pending) -> None:
        """Run ``env.py`` with the target in every place where it may read it, and no other host reachable."""
        with given(self._config, self.address), target_only(self.address), required(self.table):
            try:
                command.upgrade(self._config, one.revision)
            except OfflineOnlyError:
                self._run_offline(one)
        if self.connection.in_transaction():
            self.connection.commit()

    def _run_offline(self, one: Pending) -> None:
        """Run the SQL of a project whose ``env.py`` only writes it, which says itself where it commits."""
        scripts = ScriptDirectory.from_config(self._config)
        text = offline_sql.sql_of_env(
            self._config, scripts, one.revision, current(self.connection, self.table)
        )
        try:
            with self.connection.execution_options(isolation_level="AUTOCOMMIT").begin():
                self.connection.exec_driver_sql(text.replace("%", "%%"))
        except BaseException:
            # The transaction that has failed is the text's own.
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                self.connection.exec_driver_sql("ROLLBACK")
            raise
        finally:
            self.connection.rollback()
            self.connection.execution_options(isolation_level=self.connection.default_isolation_level)

    def drop(self, doomed: Iterable[Index]) -> None:
        """Drop what an earlier attempt at a pending revision left: that revision builds it anew."""
        for one in doomed:
            with self.connection.execution_options(isolation_level="AUTOCOMMIT").begin():
                self.connection.exec_driver_sql(one.removal.replace("%", "%%"))
            self._emit("index.dropped", index=str(one), table=one.table)
        self.connection.execution_options(isolation_level=self.connection.default_isolation_level)

    def _require_done(self, one: Pending) -> None:
        if one.revision not in current(self.connection, self.table):
            raise SchemaError(
                f"revision {one.revision} did not reach it: env.py uses another connection than it is given",
                subject=str(self.address),
                remedy=WAYS,
            )

    def _failed(
        self, one: Pending, applied: Sequence[Pending], error: BaseException, sql: str, *, half_done: bool
    ) -> SchemaError:
        standing = self._standing()
        known = standing.revision is not None
        left_at = (standing.revision or "no revision") if known else "unknown"
        parts = [f"revision {one.revision} ({one.title}) failed: {said(error, self.address)}"]
        parts.append(f"The database is left at {left_at}" if known else "Where it is left could not be asked")
        if half_done:
            parts[-1] += f"; {one.revision} commits on its way, so part of it may be done"
        if standing.invalid:
            parts.append(f"Left invalid: index {', '.join(map(str, standing.invalid))}")
        return SchemaError(
            ". ".join(parts),
            subject=str(self.address),
            remedy=WAYS if isinstance(error, OtherAddressError) else _remedy(standing.invalid, sql),
            details={
                "failed": one.revision,
                "left_at": left_at,
                "applied": [item.revision for item in applied],
                "may_be_half_done": half_done,
                "invalid_indexes": [str(index) for index in standing.invalid],
            },
        )

    def _standing(self) -> _Standing:
        """Read the revision of the database, in a new session if this one was lost."""
        try:
            self.connection.rollback()
            return _look(self.connection, self.table)
        except sa.exc.SQLAlchemyError:
            pass
        try:
            with opened(self.address, self._options, read_only=True) as connection:
                return _look(connection, self.table)
        except EngineError:
            return _Standing(None)


def current(connection: sa.Connection, table: VersionTable) -> tuple[str, ...]:
    """Return the revisions that the database is at; none when it has never been upgraded."""
    context = MigrationContext.configure(connection, opts=table.options)
    found = tuple(sorted(context.get_current_heads()))
    connection.commit()
    return found


def _remedy(left: Sequence[Index], sql: str) -> str:
    """Say what to do after a failure. Invalid indexes that ``sql`` builds are dropped by the next run."""
    by_hand = [one for one in left if one not in invalid_indexes.built_by(sql, left)]
    if not left:
        return _AGAIN
    if not by_hand:
        return f"{_AGAIN} It drops the invalid index first."
    return f"{_AGAIN} Before that, remove the invalid index: {' '.join(one.removal for one in by_hand)}"


def _look(connection: sa.Connection, table: VersionTable) -> _Standing:
    return _Standing(", ".join(current(connection, table)), invalid_indexes.invalid(connection))
