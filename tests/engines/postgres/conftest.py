"""Two databases: a hostile source of the superuser, and a blank target of an ordinary role."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from engines.postgres import connection

_NUMBERS = itertools.count()
HOSTILE = (Path(__file__).parent / "hostile.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def hostile_template(postgres_server):
    """Return the name of a database to make copies of."""
    postgres_server.create_database("hostile_template")
    with psycopg.connect(postgres_server.url("hostile_template"), autocommit=True) as session:
        session.execute(HOSTILE)
        # The server of the wheel is built without libxml, and then has no value of that type to copy.
        if session.execute("SELECT 1 FROM pg_config WHERE setting LIKE '%--with-libxml%'").fetchone():
            session.execute("CREATE TABLE documents (id int PRIMARY KEY, x xml)")
            session.execute("INSERT INTO documents VALUES (1, '<a>1</a>'), (2, NULL)")
    postgres_server.create_role("master", "s3cr:t/@")
    return "hostile_template"


@pytest.fixture
def databases(postgres_server, hostile_template):
    """Return ``make(hostile=True)``, which gives the two ends of a copy."""

    def make(*, hostile: bool = True):
        number = next(_NUMBERS)
        source, target = f"source_{number}", f"target_{number}"
        with psycopg.connect(postgres_server.url(), autocommit=True) as session:
            template = hostile_template if hostile else "template0"
            session.execute(f"CREATE DATABASE {source} TEMPLATE {template}")
            session.execute(f"CREATE DATABASE {target} OWNER master")
        target_url = postgres_server.url(target, "master", "s3cr%3At%2F%40")
        return SimpleNamespace(
            source=connection.parse(postgres_server.url(source)),
            target=connection.parse(target_url),
            source_url=postgres_server.url(source),
            target_url=target_url,
            source_name=source,
            target_name=target,
        )

    return make


@pytest.fixture
def ends(databases):
    """Return the two ends of a copy of the hostile database."""
    return databases()
