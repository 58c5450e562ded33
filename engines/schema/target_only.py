"""While a project's own code runs, its process can reach the target database and no other.

``env.py`` and revisions are the project's: the ``env.py`` that `alembic init` writes connects to whatever
``sqlalchemy.url`` says, which may be the source. So every connection is checked before it is made: those of
SQLAlchemy by its event ``do_connect``, on every engine, and those of the drivers psycopg2, psycopg and
asyncpg where each of them begins one, whoever calls it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import asyncpg.connect_utils
import psycopg
import psycopg2
import psycopg2.extensions
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import event
from sqlalchemy.engine import Engine

from engines.postgres.session import Address, asyncpg_params, silence

_PORT = "5432"
# What stands for a part of an address that is not given.
_VARIABLES = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE"}

WAYS = """\
Let env.py connect in one of these ways, all of which lead to the target:
    connection = config.attributes["connection"]  # the one that is ready
    engine_from_config(config.get_section(config.config_ini_section), prefix="sqlalchemy.")
    create_engine(config.get_main_option("sqlalchemy.url"))
    create_engine(context.get_x_argument(as_dictionary=True)["url"])
    create_engine(os.environ["DATABASE_URL"])  # and settings that read it, or PGHOST, DB_HOST …
"""


class OtherAddressError(BaseException):
    """A connection to another address than the target's was about to be made, and was not.

    It is no ``Exception``, so that code which retries or ignores exceptions does not catch it.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"env.py or a revision would connect to {address}, which is not the target")
        self.address = address


@contextlib.contextmanager
def target_only(target: Address | None) -> Iterator[None]:
    """Refuse connections to every address but ``target``'s (with None: to any), in this process.

    Raises ``OtherAddressError`` where one is begun.
    """
    # What env.py does to the environment moves its own connections, and not the target.
    wanted = _place(target.parameters) if target else None

    def check(parameters: Mapping[str, Any]) -> None:
        if silence.is_asking():
            return  # whether a server of ours is still there
        found = _place(parameters)
        if wanted is None or not _is_same(found, wanted):
            raise OtherAddressError(_shown(found))

    with contextlib.ExitStack() as stack:
        for guard in (_sqlalchemy, _psycopg2, _psycopg):
            stack.enter_context(guard(check))
        stack.enter_context(_asyncpg(check, target.parameters if target else {}))
        yield


Check = Callable[[Mapping[str, Any]], None]


@contextlib.contextmanager
def _sqlalchemy(check: Check) -> Iterator[None]:
    def look(dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        if dialect.name != "postgresql":
            raise OtherAddressError(f"a database of {dialect.name}")
        given = conninfo_to_dict(str(arguments[0])) if arguments and arguments[0] else {}
        check({**given, **named, **({"dbname": named["database"]} if "database" in named else {})})

    event.listen(Engine, "do_connect", look)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", look)


@contextlib.contextmanager
def _psycopg2(check: Check) -> Iterator[None]:
    driver: Any = psycopg2
    begin = driver._connect

    def connect(dsn: str, *arguments: Any, **named: Any) -> Any:
        check(psycopg2.extensions.parse_dsn(dsn))
        return begin(dsn, *arguments, **named)

    # Who makes one by its class, which is written in C, makes it by this one.
    before = driver.extensions.connection

    def construct(self: Any, dsn: str, *arguments: Any, **named: Any) -> None:
        check(psycopg2.extensions.parse_dsn(dsn))
        before.__init__(self, dsn, *arguments, **named)

    guarded = type("connection", (before,), {"__init__": construct})
    with _replaced(driver, "_connect", connect), _replaced(driver.extensions, "connection", guarded):
        yield


@contextlib.contextmanager
def _psycopg(check: Check) -> Iterator[None]:
    base = psycopg.BaseConnection
    begin = base.__dict__["_connect_gen"]

    def connect(cls: Any, conninfo: str = "") -> Any:
        check(conninfo_to_dict(conninfo))
        return begin.__func__(cls, conninfo)

    with _replaced(base, "_connect_gen", classmethod(connect)):
        yield


@contextlib.contextmanager
def _asyncpg(check: Check, target: Mapping[str, str]) -> Iterator[None]:
    """Check asyncpg's connections, and lead those to the target's name to its ``hostaddr``, as libpq does."""
    begin = asyncpg.connect_utils._connect_addr

    async def connect(*, addr: Any, params: Any, **named: Any) -> Any:
        host, port = (str(addr), "") if isinstance(addr, str) else addr
        if isinstance(addr, str):  # a socket: /folder/.s.PGSQL.port
            host, _, port = addr.rpartition("/.s.PGSQL.")
        check({"host": host, "port": port, "dbname": params.database})
        if "hostaddr" in target and host == target.get("host"):
            addr = (target["hostaddr"], port)
            params = params._replace(ssl=params.ssl and asyncpg_params.context(target, host))
        return await begin(addr=addr, params=params, **named)

    with _replaced(asyncpg.connect_utils, "_connect_addr", connect):
        yield


@contextlib.contextmanager
def _replaced(owner: Any, name: str, by: Any) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, by)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _place(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return host, address, port and database as libpq would have them; a named service may be anywhere."""
    found = {
        name: str(parameters.get(name) or os.environ.get(variable, ""))
        for name, variable in _VARIABLES.items()
    }
    if parameters.get("host") and not parameters.get("hostaddr"):
        found["hostaddr"] = ""  # that of the environment belongs to the host of the environment
    user = str(parameters.get("user") or os.environ.get("PGUSER", ""))
    return {
        **found,
        "port": found["port"] or _PORT,
        "dbname": found["dbname"] or user,
        "service": str(parameters.get("service") or os.environ.get("PGSERVICE", "")),
    }


def _is_same(found: Mapping[str, str], target: Mapping[str, str]) -> bool:
    if found["service"] or (found["port"], found["dbname"]) != (target["port"], target["dbname"]):
        return False
    goes_to = found["hostaddr"] or found["host"]
    known = {one for one in (target["host"], target["hostaddr"]) if one} or {""}
    if goes_to in known:
        return True
    addresses = _resolved(goes_to)
    return bool(addresses) and addresses <= {one for host in known for one in _resolved(host)}


def _resolved(host: str) -> set[str]:
    """Return the addresses behind a name; none for a socket, for several hosts, and for what is not known."""
    if not host or host.startswith("/") or "," in host:
        return set()
    try:
        return {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _shown(place: Mapping[str, str]) -> str:
    """Return the address for a message. It holds neither user nor password."""
    if place["service"]:
        return f"the service {place['service']}"
    host = place["host"] or place["hostaddr"] or "the local socket"
    return f"{host}:{place['port']}/{place['dbname']}"
