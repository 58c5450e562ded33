"""The session that applies revisions: its settings and its lock, and whether a revision commits in it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from engines.errors import ConfigurationError
from engines.postgres.session import Address, advisory_lock, connecting, pooled, silence, silent
from engines.schema.errors import SchemaError, reason
from engines.schema.model import Options

PURPOSE = "bmii-migrate alembic_upgrade"

# The first version (as libpq counts) whose backends can watch for a client that is gone.
_CAN_WATCH_CLIENT = 140000
_KNOWS_TRANSACTION_TIMEOUT = 170000
_CONCURRENTLY = re.compile(
    r"\b(INDEX|TABLE|PARTITION|REINDEX)\b.*\bCONCURRENTLY\b", re.IGNORECASE | re.DOTALL
)


@contextlib.contextmanager
def opened(address: Address, options: Options, *, read_only: bool) -> Iterator[sa.Connection]:
    """Open the session for the length of a ``with`` block; SQLAlchemy's errors are translated."""
    # Passing a ready connection, rather than a URL, keeps the password out of the engine's messages.
    engine = sa.create_engine(
        "postgresql+psycopg2://", creator=lambda: _connect(address), poolclass=NullPool, hide_parameters=True
    )
    with translated(address), engine.connect() as connection, _watched(connection, address):
        _require_own_server(connection, address)
        wanted = _settings(connection, options, read_only=read_only)
        connection.execute(sa.select(*(sa.func.set_config(*one, False) for one in wanted.items())))
        connection.commit()
        yield connection


def said(error: BaseException, address: Address) -> str:
    """Return the reason of a failure, which is the server's silence where that ended the session."""
    ended = silent(str(address))
    return ended.what if ended else reason(error)


@contextlib.contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise SQLAlchemy's errors as ``SchemaError`` about the database."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise SchemaError(
            said(error, address),
            subject=str(address),
            remedy="Put it right, then run the same command again.",
        ) from error


@contextlib.contextmanager
def _watched(connection: sa.Connection, address: Address) -> Iterator[None]:
    """End the session when its server has stopped answering, and those that ``env.py`` opens itself."""
    raw: Any = connection.connection.dbapi_connection
    line = silence.watch_descriptor(raw.fileno(), str(address), address.parameters)
    others = silence.join_all(str(address), raw.fileno())
    try:
        yield
    finally:
        others.close()
        line.close()


def take_lock(connection: sa.Connection, address: Address, options: Options) -> None:
    """Take the lock in the session that migrates: it ends with the work, however that ends."""

    def attempt() -> bool:
        taken = bool(connection.execute(sa.text(advisory_lock.TRY)).scalar())
        connection.commit()
        return taken

    def holder() -> tuple[object, ...] | None:
        row = connection.execute(sa.text(advisory_lock.HOLDER)).fetchone()
        connection.commit()
        return tuple(row) if row else None

    advisory_lock.wait(attempt, holder, seconds=options.lock_wait, subject=str(address))


class Watch:
    """Notices whether a revision commits by itself, and lets concurrent index builds wait.

    A build with CONCURRENTLY waits for every older transaction, and nobody queues up behind it: the lock
    timeout, which is there for those who would, could only leave an invalid index.
    """

    def __init__(self, connection: sa.Connection, options: Options) -> None:
        self.committed = False
        self._lock_timeout = _milliseconds(options.lock_timeout)
        sa.event.listen(connection, "commit", self._commit)
        sa.event.listen(connection, "before_cursor_execute", self._before)
        sa.event.listen(connection, "after_cursor_execute", self._after)

    def _commit(self, _connection: sa.Connection) -> None:
        self.committed = True

    def _before(self, connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
        if _is_autocommit(connection):
            self.committed = True
            if _CONCURRENTLY.search(statement):
                cursor.execute("SET lock_timeout = 0")

    def _after(self, connection: sa.Connection, cursor: Any, statement: str, *_: Any) -> None:
        if _is_autocommit(connection) and _CONCURRENTLY.search(statement):
            cursor.execute(f"SET lock_timeout = '{self._lock_timeout}'")


def _connect(address: Address) -> Any:
    defaults = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
    options: dict[str, Any] = {
        **defaults,
        **address.parameters,
        "application_name": PURPOSE,
        "client_encoding": "utf8",
    }
    try:
        return psycopg2.connect(**options)
    except psycopg2.OperationalError as error:
        raise connecting(str(error), str(address)) from None
    except psycopg2.ProgrammingError:
        raise ConfigurationError(
            "the address has an unknown option",
            subject=str(address),
            remedy="Use the options that libpq has.",
        ) from None


def _require_own_server(connection: sa.Connection, address: Address) -> None:
    """Raise ``ConfigurationError`` behind a pooler, where settings and lock would stay for others."""
    raw: Any = connection.connection.dbapi_connection
    if connection.execute(sa.select(sa.func.pg_backend_pid())).scalar() != raw.get_backend_pid():
        raise pooled(str(address))


def _settings(connection: sa.Connection, options: Options, *, read_only: bool) -> dict[str, str]:
    settings = {
        "lock_timeout": _milliseconds(options.lock_timeout),
        "statement_timeout": _milliseconds(options.statement_timeout),
        "idle_in_transaction_session_timeout": "0",  # a revision may compute for long between statements
        "default_transaction_read_only": "on" if read_only else "off",
    }
    raw: Any = connection.connection.dbapi_connection
    if raw.server_version >= _CAN_WATCH_CLIENT:
        # A server that works for a killed client must notice, and release its locks.
        settings["client_connection_check_interval"] = "1s"
        settings["idle_session_timeout"] = "0"
    if raw.server_version >= _KNOWS_TRANSACTION_TIMEOUT:
        settings["transaction_timeout"] = "0"  # statements have their own limit
    return settings


def _is_autocommit(connection: sa.Connection) -> bool:
    raw: Any = connection.connection.dbapi_connection
    return bool(raw.autocommit)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
