"""Apply the pending revisions, one transaction each, one upgrade at a time."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.pool import NullPool

from engines.events import Emit
from engines.postgres import lock
from engines.postgres.connection import Address
from engines.postgres.errors import connecting
from engines.schema import revisions
from engines.schema.errors import SchemaError
from engines.schema.preview import sql_of
from engines.schema.revisions import Pending

PURPOSE = "bmii-migrate alembic_upgrade"


@dataclass(frozen=True)
class Options:
    """What the user wants: see the module ``alembic_upgrade``. Times are seconds; 0 means without limit."""

    config: Path
    target: str = "head"
    lock_timeout: float = 10
    statement_timeout: float = 0
    lock_wait: float = 60


@dataclass(frozen=True)
class Result:
    """``before`` and ``after`` are revisions (empty: none); ``applied`` are those in between, in order."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    applied: tuple[Pending, ...]
    sql: str
    seconds: float


def outline(options: Options) -> Result:
    """Return what ``upgrade`` would do to a database that is not there yet."""
    _, scripts = revisions.load(options.config)
    target = revisions.resolve_target(scripts, options.target)
    needed = revisions.pending(scripts, (), target)
    return Result((), (target,), tuple(needed), sql_of(scripts, needed, ()), 0.0)


def upgrade(address: Address, options: Options, *, check: bool, emit: Emit) -> Result:
    """Bring the database at ``address`` to ``options.target``.

    ``check`` lists the pending revisions with their SQL and changes nothing. Raises ``RevisionError`` when
    revisions do not fit, ``BusyError`` when another migration keeps the lock, ``SchemaError`` when a revision
    fails: it says at which revision the database is left.
    """
    started = time.monotonic()
    config, scripts = revisions.load(options.config)
    target = revisions.resolve_target(scripts, options.target)
    with _connection(address, options, check=check) as connection:
        if not check:
            _lock(connection, address, options)
        before = _current(connection)
        needed = revisions.pending(scripts, before, target)
        text = sql_of(scripts, needed, before) if check else ""
        if not check:
            _apply(connection, config, needed, address, emit)
        after = (target,) if check and needed else _current(connection)
    return Result(before, after, tuple(needed), text, round(time.monotonic() - started, 3))


@contextlib.contextmanager
def _connection(address: Address, options: Options, *, check: bool) -> Iterator[sa.Connection]:
    # Handing over a ready connection, rather than a URL, keeps the password out of the engine's messages.
    engine = sa.create_engine("postgresql+psycopg2://", creator=lambda: _connect(address), poolclass=NullPool)
    with _translated(address), engine.connect() as connection:
        settings = {
            "lock_timeout": f"{round(options.lock_timeout * 1000)}ms",
            "statement_timeout": f"{round(options.statement_timeout * 1000)}ms",
            "default_transaction_read_only": "on" if check else "off",
        }
        for name, value in settings.items():
            connection.execute(sa.select(sa.func.set_config(name, value, False)))
        connection.commit()
        yield connection


@contextlib.contextmanager
def _translated(address: Address) -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise SchemaError(
            _reason(error), subject=str(address), remedy="Put it right, then run the same command again."
        ) from error


def _connect(address: Address) -> Any:
    parameters: dict[str, Any] = {"connect_timeout": "10", **address.parameters, "application_name": PURPOSE}
    try:
        return psycopg2.connect(**parameters)
    except psycopg2.OperationalError as error:
        raise connecting(str(error), str(address)) from None


def _lock(connection: sa.Connection, address: Address, options: Options) -> None:
    """Take the lock in the session that migrates: it ends with the work, however that ends."""

    def attempt() -> bool:
        taken = bool(connection.execute(sa.text(lock.TRY)).scalar())
        connection.commit()
        return taken

    def holder() -> tuple[object, ...] | None:
        row = connection.execute(sa.text(lock.HOLDER)).fetchone()
        connection.commit()
        return tuple(row) if row else None

    lock.wait(attempt, holder, seconds=options.lock_wait, subject=str(address))


def _current(connection: sa.Connection) -> tuple[str, ...]:
    found = tuple(sorted(MigrationContext.configure(connection).get_current_heads()))
    connection.commit()
    return found


def _apply(
    connection: sa.Connection, config: Config, needed: list[Pending], address: Address, emit: Emit
) -> None:
    """Apply revision by revision, so that each has a transaction of its own, whatever env.py says."""
    config.attributes["connection"] = connection
    for number, one in enumerate(needed, 1):
        emit("revision.started", revision=one.revision, title=one.title, number=number, of=len(needed))
        try:
            # A revision that prints would spoil the module's answer.
            with contextlib.redirect_stdout(io.StringIO()):
                command.upgrade(config, one.revision)
            if connection.in_transaction():
                connection.commit()
        except Exception as error:
            raise _failed(connection, one, needed[: number - 1], error, address) from error
        emit("revision.applied", revision=one.revision, number=number, of=len(needed))


def _failed(
    connection: sa.Connection, one: Pending, applied: list[Pending], error: Exception, address: Address
) -> SchemaError:
    left = _left_at(connection)
    return SchemaError(
        f"revision {one.revision} ({one.title}) failed: {_reason(error)}. The database is left at {left}",
        subject=str(address),
        remedy="Correct the revision or what it met, then run the same command again.",
        details={"failed": one.revision, "left_at": left, "applied": [item.revision for item in applied]},
    )


def _left_at(connection: sa.Connection) -> str:
    try:
        connection.rollback()
        return ", ".join(_current(connection)) or "no revision"
    except sa.exc.SQLAlchemyError:
        return "an unknown revision: the connection was lost"


def _reason(error: Exception) -> str:
    """Return the first line of the reason, without statements and their values: they may be confidential."""
    original = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    diagnosis = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = str(diagnosis or original).splitlines() or [""]
    return lines[0] if diagnosis else f"{type(original).__name__}: {lines[0]}"
