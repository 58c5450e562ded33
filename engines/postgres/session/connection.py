"""Addresses of databases, and sessions whose settings make both servers give the same output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from engines.errors import ConfigurationError
from engines.postgres.session import settings, silence
from engines.postgres.session.errors import connecting, pooled, translated

Session = psycopg.Connection[TupleRow]

_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")


@dataclass(frozen=True)
class Address:
    """The libpq parameters of a database. ``str()`` and ``repr()`` never show the password."""

    parameters: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        """``user@host:port/database``, for messages."""
        host = self._get("host", "PGHOST") or self._get("hostaddr", "PGHOSTADDR") or "localhost"
        user = self._get("user", "PGUSER")
        head = f"{user}@" if user else ""
        return f"{head}{host}:{self._get('port', 'PGPORT') or '5432'}/{self.database}"

    @property
    def database(self) -> str:
        """The name of the database."""
        return self._get("dbname", "PGDATABASE") or self._get("user", "PGUSER")

    def _get(self, name: str, variable: str) -> str:
        return self.parameters.get(name) or os.environ.get(variable, "")


def parse(address: str, *, name: str = "database") -> Address:
    """Read a libpq URL or keyword string, or SQLAlchemy's ``postgresql+driver://`` URL.

    ``name`` is what the user calls it. Raises ``ConfigurationError``, which does not quote the address.
    """
    try:
        found = conninfo_to_dict(_DRIVER.sub(r"\1://", address.strip()))
    except psycopg.Error:
        # libpq's own message quotes the address, password included: not even as the cause.
        raise ConfigurationError(
            "is not a PostgreSQL address",
            subject=name,
            remedy="Write postgresql://user:password@host:port/database (special characters as %XX).",
        ) from None
    parameters = {key: str(value) for key, value in found.items() if value not in (None, "")}
    if "dbname" not in parameters:
        raise ConfigurationError("names no database", subject=name, remedy="End the address with /database.")
    return Address(parameters)


class _Watched(psycopg.Connection[TupleRow]):
    """A session that is ended when its server has stopped answering."""

    line: silence.Line | None = None

    def close(self) -> None:
        """Close it, and watch over it no longer."""
        super().close()
        if self.line is not None:
            self.line.close()


def connect(address: Address, *, read_only: bool = False, purpose: str = "bmii-migrate") -> Session:
    """Open a session in autocommit mode. Raises ``UnreachableError``.

    ``read_only`` makes every transaction of the session read-only: the server refuses writes.
    """
    defaults = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
    options = {**defaults, **address.parameters, "application_name": purpose, "client_encoding": "utf8"}
    try:
        session = _Watched.connect(autocommit=True, **options)  # type: ignore[arg-type] # the parameters are named by libpq, not here
    except psycopg.OperationalError as error:
        raise connecting(str(error), str(address)) from None
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "the address has an unknown option",
            subject=str(address),
            remedy="Use the options that libpq has.",
        ) from None
    session.line = silence.watch(session, str(address), address.parameters)
    try:
        with translated(str(address)):
            _set_up(session, address, read_only=read_only)
    except BaseException:
        session.close()
        raise
    return session


def _set_up(session: Session, address: Address, *, read_only: bool) -> None:
    """Set what our sessions rely on, if the server itself answers.

    Behind a pooler the settings would stay with a connection that others get next. A server sends the PID of
    its backend process when a session begins (``BackendKeyData``); a pooler invents one.
    """
    statement = settings.statement(
        version=session.info.server_version, read_only=read_only, backend=session.info.backend_pid
    )
    if session.execute(statement).fetchone() is None:
        raise pooled(str(address))


@contextmanager
def session(address: Address, *, read_only: bool = False, purpose: str = "bmii-migrate") -> Iterator[Session]:
    """Open a session for the length of a ``with`` block; database errors inside are translated."""
    opened = connect(address, read_only=read_only, purpose=purpose)
    try:
        with translated(str(address)):
            yield opened
    finally:
        opened.close()


@contextmanager
def snapshot(session: Session, name: str = "") -> Iterator[str]:
    """Read from one snapshot for the length of a ``with`` block; yields its name for other sessions.

    ``name`` joins the snapshot that another session of the same server exports.
    """
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    try:
        if name:
            session.execute(f"{begin}; SET TRANSACTION SNAPSHOT '{name}'; {settings.READER}")
            yield name
        else:
            session.execute(begin)
            row = session.execute("SELECT pg_export_snapshot()").fetchone()
            yield str(row[0]) if row else ""
    finally:
        if not session.closed:
            session.rollback()
