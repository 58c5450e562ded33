"""However ``env.py`` connects, it reaches the target, or is stopped before it connects: never the source."""

from __future__ import annotations

import os
import socket
import threading
import time

import psycopg2
import pytest
import sqlalchemy as sa

from engines.events import emit
from engines.postgres.session import connection, silence
from engines.schema.apply import upgrade
from engines.schema.errors import RevisionError, SchemaError
from engines.schema.model import Options
from engines.schema.target_only import OtherAddressError, target_only

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"

_RUN = """
def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
# As `alembic init` writes it.
INI = (
    "import sqlalchemy as sa\nfrom alembic import context\n"
    + _RUN
    + """
config = context.config
engine = sa.engine_from_config(
    config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    run(connection)
"""
)
# As `alembic init -t async` does.
ASYNC = (
    "import asyncio\nimport sqlalchemy as sa\nfrom alembic import context\n"
    "from sqlalchemy.ext.asyncio import async_engine_from_config\n"
    + _RUN
    + """
config = context.config
section = config.get_section(config.config_ini_section)
section["sqlalchemy.url"] = %(url)s or section["sqlalchemy.url"]

async def main():
    engine = async_engine_from_config(section, prefix="sqlalchemy.", poolclass=sa.pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()

asyncio.run(main())
"""
)
ENGINE = (
    "import os\nimport sqlalchemy as sa\nfrom alembic import context\n"
    + _RUN
    + "with sa.create_engine(%(url)s).connect() as connection:\n    run(connection)\n"
)
X = ENGINE.replace("%(url)s", 'context.get_x_argument(as_dictionary=True)["url"]')
SETTINGS = (
    "import os\n\nclass Settings:\n    def __init__(self):\n"
    "        self.database = os.environ['APP_DATABASE']\n\nsettings = Settings()\n"
    + ENGINE.replace("%(url)s", "settings.database")
)
RAW = "import %(driver)s\n%(driver)s.connect(%(dsn)s).close()\n" + ENGINE.replace(
    "%(url)s", 'os.environ["DATABASE_URL"]'
)
RAW_ASYNCPG = (
    "import asyncio\nimport asyncpg\n\nasync def look():\n"
    "    await (await asyncpg.connect(%(dsn)s)).close()\n\nasyncio.run(look())\n"
    + ENGINE.replace("%(url)s", 'os.environ["DATABASE_URL"]')
)


class Source:
    """Listens where the source is, and counts who comes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.count += 1
            visitor.close()

    def url(self, driver: str = "") -> str:
        return f"postgresql{driver and '+'}{driver}://u:canary@127.0.0.1:{self.port}/source"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def source(servers, monkeypatch):
    """A source, which the environment names as that of a machine does which is to be left."""
    made = Source()
    monkeypatch.setenv("APP_DATABASE", made.url("psycopg2"))
    monkeypatch.setenv("APP_DSN", f"dsn:{made.url('psycopg2')}")
    monkeypatch.setenv("DATABASE_URL", made.url())
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(made.port))
    yield made
    made.close()


def _upgrade(database, project):
    return upgrade(database, Options(config=project.config), check=False, emit=emit).after


def _env(project, text: str, *, ini: str = "") -> None:
    (project.config.parent / "env.py").write_text(text, encoding="utf-8")
    with project.config.open("a", encoding="utf-8") as file:
        file.write(f"sqlalchemy.url = {ini}\n" if ini else "")


# By the way: env.py, and whether its environment or its alembic.ini names the source.
RIGHT = {
    "the ini's URL": INI,
    "-x": X,
    "an environment variable": ENGINE.replace("%(url)s", 'os.environ["DATABASE_URL"]'),
    "a settings object": SETTINGS,
    "an async engine": ASYNC.replace("%(url)s", '""'),
    "libpq's variables": ENGINE.replace("%(url)s", '"postgresql+psycopg2://"'),
    "psycopg2 itself": RAW % {"driver": "psycopg2", "dsn": '""'},
    "psycopg itself": RAW % {"driver": "psycopg", "dsn": '""'},
    "asyncpg itself": RAW_ASYNCPG % {"dsn": ""},
}


@pytest.mark.parametrize("way", RIGHT)
def test_wherever_it_looks_it_finds_the_target(database, project, query, source, way):
    """The ini and the environment are those of the source, as on the machine that is left."""
    driver = "asyncpg" if way == "an async engine" else "psycopg2"
    _env(project, RIGHT[way], ini=source.url(driver))
    before = dict(os.environ)

    assert _upgrade(database, project) == ("r2",)

    assert {name for (name,) in query(TABLES)} == {"alembic_version", "one", "two"}
    assert source.count == 0
    assert dict(os.environ) == before


WRONG = {
    "the ini's URL": lambda url: INI.replace(
        'config.get_section(config.config_ini_section)', f'{{"sqlalchemy.url": {url("psycopg2")!r}}}'
    ),
    "an environment variable": lambda url: ENGINE % {"url": 'os.environ["APP_DSN"].removeprefix("dsn:")'},
    "a settings object": lambda url: SETTINGS.replace("os.environ['APP_DATABASE']", repr(url("psycopg"))),
    "an async engine": lambda url: ASYNC.replace("%(url)s", repr(url("asyncpg"))),
    "an engine of its own": lambda url: ENGINE % {"url": repr(url("psycopg2"))},
    "a creator": lambda url: ENGINE.replace(
        "sa.create_engine(%(url)s)",
        "sa.create_engine('postgresql+psycopg2://', "
        f"creator=lambda: __import__('psycopg2').connect({url()!r}))",
    ),
    "psycopg2 itself": lambda url: RAW % {"driver": "psycopg2", "dsn": repr(url())},
    "psycopg2's class": lambda url: "import psycopg2.extensions\n"
    f"psycopg2.extensions.connection({url()!r})\n",
    "psycopg itself": lambda url: RAW % {"driver": "psycopg", "dsn": repr(url())},
    "psycopg, async": lambda url: "import asyncio, psycopg\n"
    f"asyncio.run(psycopg.AsyncConnection.connect({url()!r}))\n",
    "asyncpg itself": lambda url: RAW_ASYNCPG % {"dsn": repr(url())},
    "asyncpg's pool": lambda url: "import asyncio, asyncpg\n\nasync def look():\n"
    f"    await asyncpg.create_pool({url()!r})\n\nasyncio.run(look())\n",
    "a loop that tries again": lambda url: "import psycopg2\nwhile True:\n    try:\n"
    f"        psycopg2.connect({url()!r})\n        break\n    except Exception:\n        pass\n",
}  # fmt: skip


@pytest.mark.parametrize("way", WRONG)
def test_another_address_is_refused_before_it_is_connected_to(database, project, query, source, way):
    _env(project, WRONG[way](source.url))

    says = rf"127\.0\.0\.1:{source.port}/source, which is not the target"
    with pytest.raises(SchemaError, match=says) as error:
        _upgrade(database, project)

    assert source.count == 0
    assert query(TABLES) == []
    assert 'config.attributes["connection"]' in error.value.remedy
    assert "canary" not in f"{error.value} {error.value.details}"


@pytest.mark.parametrize("env", [INI, ASYNC % {"url": "None"}, X, RAW_ASYNCPG % {"dsn": ""}])
def test_a_target_whose_name_leads_nowhere_is_reached_by_its_address(database, project, query, source, env):
    _env(project, env)
    target = connection.Address(
        {**database.parameters, "host": "bmii.rds.invalid", "hostaddr": database.parameters["host"]}
    )
    _upgrade(target, project)
    assert ("alembic_version",) in query(TABLES)
    assert source.count == 0


def test_a_revision_cannot_reach_the_source_when_it_is_read_or_applied(database, project, source):
    text = f"import psycopg2; psycopg2.connect({source.url()!r})"
    project.revision("r3", "r2", text)
    with pytest.raises(SchemaError, match=r"r3 .* is not the target") as error:
        _upgrade(database, project)
    assert error.value.details["left_at"] == "r2"
    with (project.versions / "r3.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{text}\n")
    with pytest.raises(RevisionError, match="is not the target"):
        _upgrade(database, project)
    assert source.count == 0


def test_check_mode_reaches_nothing_but_the_target(database, project, query, source):
    _env(project, INI, ini=source.url())
    project.revision("r3", "r2", f"import psycopg2; psycopg2.connect({source.url()!r})")
    found = upgrade(database, Options(config=project.config), check=True, emit=emit)
    assert [one.revision for one in found.applied] == ["r1", "r2", "r3"]
    assert source.count == 0
    assert query(TABLES) == []


TARGET = connection.parse("postgresql://u@127.0.0.1:5499/db")


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("host=127.0.0.1 port=5499 dbname=db user=other", True),
        ("host=127.0.0.1 port=5499 dbname=other", False),
        ("host=127.0.0.1 port=5498 dbname=db", False),
        ("host=127.0.0.1 dbname=db", False),
        ("host=127.0.0.2 port=5499 dbname=db", False),
        ("host=127.0.0.1 hostaddr=127.0.0.2 port=5499 dbname=db", False),
        ("host=elsewhere hostaddr=127.0.0.1 port=5499 dbname=db", True),
        ("host=/tmp port=5499 dbname=db", False),
        ("host=127.0.0.1,127.0.0.2 port=5499 dbname=db", False),
        ("service=db", False),
    ],
)
def test_an_address_is_the_targets_by_where_it_leads(monkeypatch, address: str, passes: bool):
    for name in ("PGHOST", "PGPORT", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    expected = psycopg2.OperationalError if passes else OtherAddressError
    with target_only(TARGET), pytest.raises(expected):
        psycopg2.connect(address)


def test_no_other_kind_of_database_is_reached():
    with target_only(TARGET), pytest.raises(OtherAddressError, match="a database of sqlite"):
        sa.create_engine("sqlite://").connect()


def test_it_ends_with_its_block(source):
    with pytest.raises(OtherAddressError), target_only(TARGET):
        psycopg2.connect(source.url())
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(source.url())
    assert source.count == 1


def test_whether_a_server_of_ours_is_still_there_may_be_asked_meanwhile(postgres_server, monkeypatch):
    monkeypatch.setattr(silence, "EVERY", 0.01)
    monkeypatch.setattr(silence, "CONNECT", 60)  # a busy machine takes longer than the usual 4 s
    asked = threading.Event()
    monkeypatch.setattr(silence, "emit", lambda kind, **_: asked.set())
    # Nothing comes by itself, so that the server is asked for one more session, which it grants.
    with connection.session(connection.parse(postgres_server.url()), read_only=True), target_only(None):
        time.sleep(0.3)
        assert [one for one in threading.enumerate() if one.name.startswith("silence-")]
    assert not asked.is_set()


def test_the_target_does_not_move_with_the_environment(monkeypatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT"):
        monkeypatch.delenv(name, raising=False)
    with target_only(connection.parse("dbname=data user=app")):
        monkeypatch.setenv("PGHOST", "192.0.2.1")
        with pytest.raises(OtherAddressError, match=r"192\.0\.2\.1"):
            psycopg2.connect("dbname=data user=app")
