"""A server that asks what RDS asks of a connection, and relays to it as processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from engines.database_access.model import PORT
from engines.postgres.session import Address, parse
from rehearsal.process import free_ports, running
from rehearsal.servers import Guard, PostgresServer, postgres

PROGRAM = Path(__file__).parents[3] / "roles" / "provision" / "files" / "relay.py"
NAME = "bmii-postgres.test.us-east-1.rds.amazonaws.com"
# One for each process that tests, so that relays of two have no address in common. The second part is less
# than any that the emulated account gives its tasks, which is that of its port.
VPC = f"127.{2 + (os.getpid() >> 8) % 60}.{os.getpid() & 255}"
# What the relay takes for the time is so much later than it is.
_CLOCK = """
import os, pathlib, time
real, later = time.monotonic, pathlib.Path(os.environ["LATER"])
time.monotonic = lambda: real() + len(later.read_bytes())
"""


class Guarded:
    """The server, its authority's file, and the address of the owner at it."""

    def __init__(self, server: PostgresServer, guard: Guard) -> None:
        self.server, self.ca, self.other = (
            server,
            str(guard.folder / "ca.pem"),
            str(guard.folder / "other.pem"),
        )

    def address(self, **parts: str) -> Address:
        found = parse(self.server.url("data", "owner", "canary-password")).parameters
        return Address({**found, **parts})


@pytest.fixture(scope="session")
def guarded(servers, tmp_path_factory):
    if not postgres.speaks_tls():
        pytest.skip("this machine's PostgreSQL speaks no TLS")
    folder = tmp_path_factory.mktemp("guarded")
    server = PostgresServer(free_ports(1)[0], folder / "data")
    guard = Guard(folder / "tls", NAME, "owner", postgres.SUPERUSER, f"{VPC}.0/24")
    postgres.initialise(server.folder, guard=guard)
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"]
    subprocess.run(
        [*make, "-keyout", "x", "-out", "other.pem"], cwd=guard.folder, check=True, capture_output=True
    )
    with running(server.program(), folder / "postgres.log"):
        server.create_role("owner", "canary-password")
        server.create_database("data", owner="owner")
        yield Guarded(server, guard)


class Relayed:
    """A relay that runs, at an address of the VPC of its own."""

    def __init__(self, to: str, host: str, clock: Path, *, lease: float = 600, idle: float = 600) -> None:
        self.host, self._clock = host, clock
        clock.touch()
        settings = {"RELAY_TO": to, "RELAY_LEASE": str(lease), "RELAY_IDLE": str(idle), "BIND_HOST": host}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", _CLOCK + PROGRAM.read_text(encoding="utf-8")],
            env={"PATH": os.environ["PATH"], "RELAY_PORT": str(PORT), "LATER": str(clock), **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline().startswith("relaying")

    def let_pass(self, seconds: int) -> None:
        """Let so many seconds pass, for the relay alone."""
        with self._clock.open("ab") as clock:
            clock.write(b"." * seconds)

    def has_ended(self) -> bool:
        return self.process.poll() == 0

    def through(self, address: Address, **parts: str) -> Address:
        return Address({**address.parameters, "hostaddr": self.host, "port": str(PORT), **parts})

    def wait(self) -> int:
        return self.process.wait(60)


@pytest.fixture
def relay(guarded, tmp_path):
    """Return a function that starts a relay to the guarded server, or elsewhere."""
    started: list[Relayed] = []

    def start(to: str = "", **options: float) -> Relayed:
        host, clock = f"{VPC}.{100 + len(started)}", tmp_path / f"later-{len(started)}"
        started.append(Relayed(to or f"127.0.0.1:{guarded.server.port}", host, clock, **options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def listening(answer: bytes):
    """Listen on loopback, answer whoever sends something, and hang up; yields the port."""

    def reply(visitor: socket.socket) -> None:
        visitor.recv(64)
        visitor.sendall(answer)

    return serving(reply)


@contextlib.contextmanager
def serving(reply: Callable[[socket.socket], object]):
    """Listen on loopback, and ``reply`` to each visitor; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    visitor, _ = listener.accept()
                    with visitor, contextlib.suppress(OSError):
                        reply(visitor)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def connects(address: Address) -> None:
    with psycopg.connect(**address.parameters, connect_timeout=20) as session:
        assert session.execute("SELECT current_user").fetchone() == ("owner",)


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
