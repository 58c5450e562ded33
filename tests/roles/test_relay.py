"""The relay's program: TLS passes through it and nothing else does, and it ends by itself."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
from pathlib import Path

import psycopg
import pytest

from engines.database_access.model import PORT
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import parse
from tests.engines.database_access.conftest import (
    NAME,
    PROGRAM,
    connects,
    guarded,
    listening,
    relay,
    serving,
    until,
)

__all__ = ["guarded", "relay"]


def test_the_owner_comes_through_a_relay_alone(guarded, relay):
    direct = guarded.address(sslmode="require")
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
        psycopg.connect(**direct.parameters)
    connects(relay().through(guarded.address(host=NAME), sslmode="verify-full", sslrootcert=guarded.ca))


def test_a_database_is_copied_and_compared_through_it(guarded, relay, postgres_server):
    postgres_server.create_database("relayed")
    with psycopg.connect(postgres_server.url("relayed"), autocommit=True) as session:
        session.execute(
            "CREATE TABLE IF NOT EXISTS t AS SELECT n, repeat('x', 99) FROM generate_series(1, 20000) n"
        )
    target = relay().through(guarded.address(host=NAME), sslmode="verify-full", sslrootcert=guarded.ca)
    source = parse(postgres_server.url("relayed"))
    clone_database(source, target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(source, target).differences() == []


def test_what_passes_it_is_ciphertext(guarded, relay):
    seen = bytearray()

    def pump(here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                seen.extend(data)
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)

    def tap(client: socket.socket) -> None:
        to = ("127.0.0.1", guarded.server.port)
        with socket.create_connection(to, source_address=(one.host, 0)) as server:
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join()

    with serving(tap) as port:
        one = relay(f"127.0.0.1:{port}")
        target = one.through(guarded.address(host=NAME), sslmode="verify-full", sslrootcert=guarded.ca)
        with psycopg.connect(**target.parameters) as session:
            session.execute("SELECT 'canary-statement'")
    assert len(seen) > 1000
    for secret in (b"canary-statement", b"canary-password", b"SELECT", b"SCRAM"):
        assert secret not in seen


@pytest.mark.parametrize(
    "first", [b"\x00\x00\x00\x08\x00\x03\x00\x00", b"GET / HT", b"\x00\x00\x00\x10\x04\xd2\x16\x2e"]
)
def test_what_does_not_begin_tls_is_cut_off(relay, first):
    with socket.create_connection((relay().host, PORT), timeout=30) as client:
        client.sendall(first)
        assert client.recv(100) == b""


def test_a_client_that_goes_on_in_plain_text_is_cut_off(guarded, relay):
    with socket.create_connection((relay().host, PORT), timeout=30) as client:
        client.sendall(bytes.fromhex("0000000804d2162f"))
        assert client.recv(1) == b"S"
        client.sendall(b"\x00\x00\x00\x08\x00\x03\x00\x00")
        assert client.recv(100) == b""


def test_a_database_without_tls_is_not_reached(guarded, relay):
    with (
        listening(b"N") as port,
        socket.create_connection((relay(f"127.0.0.1:{port}").host, PORT), 30) as client,
    ):
        client.sendall(bytes.fromhex("0000000804d2162f"))
        assert client.recv(1) == b""


def test_it_ends_when_its_lease_is_over_though_it_is_in_use(guarded, relay):
    one = relay(lease=900, idle=900)
    connection = psycopg.connect(**one.through(guarded.address(), sslmode="require").parameters)
    one.let_pass(901)
    until(one.has_ended)
    connection.close()


def test_it_ends_when_nobody_uses_it_and_not_before(guarded, relay):
    one = relay(lease=10**9, idle=600)
    with psycopg.connect(**one.through(guarded.address(), sslmode="require").parameters) as session:
        one.let_pass(601)
        session.execute("SELECT pg_sleep(3)")  # it looks once a second
        assert one.process.poll() is None

    def ends_after_a_while():
        # Whether it has noticed yet that nobody uses it is not known, so that it is given its time again.
        one.let_pass(601)
        return one.has_ended()

    until(ends_after_a_while)


def test_it_ends_at_once_when_it_is_stopped(relay):
    one = relay()
    one.process.send_signal(signal.SIGTERM)
    until(one.has_ended)


def test_it_fits_into_a_parameter_of_a_stack():
    assert len(PROGRAM.read_text(encoding="utf-8")) <= 4096


ROLES = Path(__file__).parents[2] / "roles"


@pytest.mark.parametrize(
    "file", sorted((ROLES / "database" / "tasks").glob("*.yml")), ids=lambda one: one.name
)
def test_whatever_talks_to_the_target_takes_its_address_from_the_door(file):
    """The role of the service could be let in directly on this machine, so that a run does not show it."""
    text = file.read_text(encoding="utf-8")
    doors = {"access.yml", "close.yml"}
    assert file.name in doors or not re.search(r"\{\{ database_(target|application_address) \}\}", text)
