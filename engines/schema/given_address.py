"""The target's address, provided to a project's ``env.py`` in every place where it may read it.

As ``sqlalchemy.url`` of ``alembic.ini``, as ``-x url=…``, and in the environment, for the time that it runs.
"""

from __future__ import annotations

import contextlib
import os
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from alembic.config import Config
from alembic.util import CommandError

from engines.postgres.session import Address

# Names under which projects keep their URL. Whatever else is a PostgreSQL URL there is replaced, too.
_NAMES = (
    "DATABASE_URL", "DATABASE_URI", "DB_URL", "DB_URI", "DB_DSN", "POSTGRES_URL", "POSTGRES_DSN",
    "POSTGRESQL_URL", "SQLALCHEMY_URL", "SQLALCHEMY_DATABASE_URL", "SQLALCHEMY_DATABASE_URI",
    "ALEMBIC_URL", "ALEMBIC_DATABASE_URL",
)  # fmt: skip
# Names under which they keep its parts.
_PART_NAMES = {
    "host": ("DB_HOST", "DATABASE_HOST", "POSTGRES_HOST", "POSTGRES_SERVER", "POSTGRESQL_HOST"),
    "port": ("DB_PORT", "DATABASE_PORT", "POSTGRES_PORT", "POSTGRESQL_PORT"),
    "dbname": ("DB_NAME", "DB_DATABASE", "DATABASE_NAME", "POSTGRES_DB", "POSTGRESQL_DATABASE"),
    "user": ("DB_USER", "DB_USERNAME", "DATABASE_USER", "POSTGRES_USER", "POSTGRESQL_USER"),
    "password": ("DB_PASSWORD", "DB_PASS", "DATABASE_PASSWORD", "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
}
_X_NAMES = ("url", "dsn", "db_url", "database_url", "sqlalchemy.url")
_URL = re.compile(r"postgres(?:ql)?(?:\+(?P<driver>\w+))?://")
_ASYNC = re.compile(r"\b(?:async_engine_from_config|create_async_engine|AsyncEngine)\b")
# By libpq's names. What it reads of these, psycopg2, psycopg and (in part) asyncpg read, too.
_LIBPQ = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER",
    "password": "PGPASSWORD", "passfile": "PGPASSFILE", "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
}  # fmt: skip
_ASYNC_DRIVER = "asyncpg"


def url_of(address: Address, driver: str) -> str:
    """Return ``address``, its password included, as a URL of SQLAlchemy for ``driver``; empty for libpq's."""
    given = dict(address.parameters)
    host, port = given.pop("host", None), given.pop("port", None)
    user, password, database = given.pop("user", None), given.pop("password", None), given.pop("dbname", None)
    if driver == _ASYNC_DRIVER:
        # It takes no others as arguments, and reads them from the environment.
        given = {"ssl": given["sslmode"]} if "sslmode" in given else {}

    elif host and ("," in host or host.startswith("/")):
        given["host"], host = host, None
    url = sa.URL.create(
        f"postgresql+{driver}" if driver else "postgresql",
        username=user,
        password=password,
        host=host,
        port=int(port) if port and port.isdigit() else None,
        database=database,
    )
    # libpq knows no other form of a blank.
    text = url.render_as_string(hide_password=False).replace(" ", "%20")
    return f"{text}?{urlencode(given, quote_via=quote)}" if given else text


@contextlib.contextmanager
def given(config: Config, address: Address) -> Iterator[None]:
    """Provide the target to ``env.py``; afterwards the environment is restored."""
    driver = _driver(config)
    url = url_of(address, driver)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.cmd_opts = Namespace(x=[f"{name}={url}" for name in _X_NAMES], quiet=True)
    before = dict(os.environ)
    os.environ.update(_environment(address, url, before))
    for name in {*_LIBPQ.values(), "PGSERVICE", "PGSERVICEFILE"} - _libpq(address).keys():
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _environment(address: Address, url: str, before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set. One that holds a URL of its own driver keeps that driver."""
    found = dict.fromkeys(_NAMES, url)
    for name, value in before.items():
        if match := _URL.match(value):
            found[name] = url_of(address, match["driver"] or "")
    parts = {"port": "5432", **address.parameters}
    for part, names in _PART_NAMES.items():
        found |= dict.fromkeys(names, parts[part]) if part in parts else {}
    return {**found, **_libpq(address)}


def _libpq(address: Address) -> dict[str, str]:
    return {_LIBPQ[name]: value for name, value in address.parameters.items() if name in _LIBPQ}


def _driver(config: Config) -> str:
    """Return the project's driver: that of its own URL, or the usual one for what its ``env.py`` does."""
    own = ""
    with contextlib.suppress(Exception):  # a URL that is interpolated from what is not there
        own = config.get_main_option("sqlalchemy.url") or ""
    match = _URL.match(own)
    if match and match["driver"]:
        return match["driver"]
    return _ASYNC_DRIVER if _ASYNC.search(_env_py(config)) else "psycopg2"


def _env_py(config: Config) -> str:
    with contextlib.suppress(OSError, CommandError):
        folder = config.get_main_option("script_location") or ""
        return Path(folder, "env.py").read_text(encoding="utf-8")
    return ""
