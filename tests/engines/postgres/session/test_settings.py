"""No default of a server, a database or a role ends our work or bends its answers."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection, settings

KINDS = "CREATE TABLE kinds (id int PRIMARY KEY, kind int CHECK (kind > 0)); INSERT INTO kinds VALUES (1, 1);"


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def test_every_setting_that_a_server_knows_is_set(ends, later_server):
    on(
        ends.source_url,
        f"ALTER DATABASE {ends.source_name} SET quote_all_identifiers = on",
        f"ALTER DATABASE {ends.source_name} SET statement_timeout = '1s'",
    )
    for address in (ends.source, connection.parse(later_server.url())):
        with connection.session(address, read_only=True) as session:
            rows = session.execute("SELECT lower(name), setting FROM pg_settings").fetchall()
            found = dict(rows)
            assert set(settings.ALL) - set(found) <= {"transaction_timeout"}
            for name in ("quote_all_identifiers", "statement_timeout", "idle_session_timeout", "timezone"):
                assert found[name] == settings.ALL[name]
            assert found["client_connection_check_interval"] == "1000"
            assert found["default_transaction_read_only"] == "on"


@pytest.mark.parametrize("side", ["source_name", "target_name"])
def test_a_database_that_quotes_every_name_is_cloned(databases, side):
    ends = databases(hostile=False)
    on(ends.source_url, KINDS, "CREATE VIEW seen AS SELECT id FROM kinds")
    on(ends.source_url, f"ALTER DATABASE {getattr(ends, side)} SET quote_all_identifiers = on")
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    reported = ["setting of the database quote_all_identifiers=on: only on the target"]
    found = compare_databases(ends.source, ends.target).differences()
    assert found == (reported if side == "target_name" else [])


@pytest.mark.parametrize("side", ["source_name", "target_name"])
def test_constants_arrive_from_a_database_that_writes_them_in_its_own_way(databases, side):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        r"""CREATE TABLE own (id int PRIMARY KEY, t text DEFAULT E'a\\b''c', m money DEFAULT 1.5::money,
                z timetz DEFAULT '12:00+02', b bytea DEFAULT '\x005c27ff', CHECK (b <> '\x005c'));
            CREATE VIEW seen AS SELECT id FROM own WHERE b <> '\x005c27' AND t <> E'\\' AND z > '11:00+01';
            COMMENT ON TABLE own IS E'a\\b''c'; INSERT INTO own VALUES (1)""",
        f"ALTER DATABASE {getattr(ends, side)} SET standard_conforming_strings = off",
        f"ALTER DATABASE {getattr(ends, side)} SET bytea_output = escape",
        f"ALTER DATABASE {getattr(ends, side)} SET timezone = 'Asia/Kathmandu'",
    )
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    found = compare_databases(ends.source, ends.target).differences()
    assert all(one.startswith("setting of the database") for one in found)
    assert bool(found) == (side == "target_name")


def test_a_transaction_may_last_longer_than_the_role_may_else(databases, later_server):
    ends = databases(hostile=False)
    on(ends.source_url, "CREATE TABLE big AS SELECT i, md5(i::text) AS t FROM generate_series(1, 60000) i")
    later_server.create_database("short", owner="master")
    on(later_server.url(), "ALTER ROLE master SET transaction_timeout = '40ms'")
    try:
        target = connection.parse(later_server.url("short", "master", "s3cr%3At%2F%40"))
        clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
        assert compare_databases(ends.source, target).differences() == []
    finally:
        on(later_server.url(), "ALTER ROLE master RESET transaction_timeout")


def test_a_pooler_is_refused_before_anything_is_set(ends):
    """A pooler greets its clients itself, with the number of a process that it makes up."""
    statements = []
    with pooler(ends.source, statements) as port:
        address = connection.Address({**ends.source.parameters, "host": "127.0.0.1", "port": str(port)})
        with pytest.raises(ConfigurationError, match="connection pooler"):
            connection.connect(address)
    assert len(statements) == 1
    assert "pg_backend_pid" in statements[0]
    with psycopg.connect(ends.source_url) as session:
        assert session.execute("SHOW search_path").fetchone() == ('"$user", public',)


class pooler:  # noqa: N801 - used as a function
    """Passes one session on, but for the number of the process, and keeps it when the client has gone."""

    def __init__(self, address, statements):
        given = address.parameters
        self._server = socket.create_connection((given["host"], int(given["port"])))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._statements = statements
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self._listener.getsockname()[1]

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(5)
        self._server.close()
        self._listener.close()

    def _serve(self):
        client, _ = self._listener.accept()
        with client, suppress(OSError):
            self._pass_on(client)

    def _pass_on(self, client):
        back = threading.Thread(target=self._back, args=(client,), daemon=True)
        back.start()
        while data := client.recv(65536):
            if data[4:8] == struct.pack("!I", 80877103):
                client.sendall(b"N")  # no TLS
                continue
            if b"set_config" in data:
                self._statements.append(data.decode(errors="replace"))
            self._server.sendall(data)

    def _back(self, client):
        try:
            while data := self._server.recv(65536):
                place = data.find(b"K\0\0\0\x0c")
                if place >= 0:
                    data = data[: place + 5] + struct.pack("!I", 7) + data[place + 9 :]
                client.sendall(data)
        except OSError:
            return
