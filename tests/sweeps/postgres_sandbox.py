"""Two servers that can be crashed, cut off and read: the ends of a copy that is disturbed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rehearsal.process import LOOPBACK, free_ports, wait_until_ready
from rehearsal.servers import postgres

SECRET = "s3cret-canary"


class Server:
    """A server of the rehearsal that can be crashed and started again on the same port."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.log = folder.with_suffix(".log")
        self.at = postgres.PostgresServer(free_ports(1)[0], folder)
        postgres.initialise(folder)
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        (folder / "postgresql.auto.conf").write_text(lines)
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        program = self.at.program()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                program.command, env=dict(program.environment), stdout=out, stderr=out, start_new_session=True
            )
        wait_until_ready(program, lambda: self._process.poll() is None, self.log)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait(60)

    def crash(self) -> None:
        """Stop at once, with all transactions where they are, and start again, which recovers."""
        self.stop(signal.SIGQUIT)
        self.start()

    def settle(self) -> None:
        """Wait until the server takes connections: a backend that was killed makes it recover first."""
        deadline = time.monotonic() + 60
        while not self.at.is_ready():
            assert time.monotonic() < deadline, f"the server does not come back: {self.log}"
            time.sleep(0.05)

    def execute(self, statement, *values, database="postgres"):
        with psycopg.connect(self.at.url(database), autocommit=True) as session:
            found = session.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def backends(self, database: str) -> list[int]:
        """Return the processes that serve sessions with ``database``; none while the server recovers."""
        query = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1"
        )
        try:
            return [row[0] for row in self.execute(query, database)]
        except psycopg.OperationalError:
            return []


class _Pair:
    """A connection and its continuation to the server, each direction moved by a thread."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._ends = (near, far)
        self._lock = threading.Lock()
        self._moving = 2
        self._cut = False

    def reset(self) -> None:
        """Break off without a farewell: both sides get a reset, as from a firewall that lost its state."""
        with self._lock:
            self._cut = True
            for one in self._ends:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it

    def move(self, outward: bool, count) -> None:
        here, there = self._ends if outward else self._ends[::-1]
        with contextlib.suppress(OSError):
            while data := here.recv(16384):
                there.sendall(data[: len(data) // 2] if count(len(data)) else data)
        with self._lock:
            self._moving -= 1
            for one in self._ends:
                if not self._cut:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                if not self._moving:
                    one.close()


class Proxy:
    """A TCP proxy whose connections can be cut, at once or when a number of bytes has gone through."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[_Pair] = []
        self._lock = threading.Lock()
        self._left = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def arm(self, count: int) -> None:
        """Cut every connection when ``count`` more bytes have gone through, either way; 0 disarms."""
        with self._lock:
            self._left = count

    def cut(self) -> None:
        """Cut every connection now."""
        with self._lock:
            pairs, self._pairs, self._left = self._pairs, [], 0
        for pair in pairs:
            pair.reset()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((LOOPBACK, self._upstream))
            except OSError:
                near.close()
                continue
            pair = _Pair(near, far)
            with self._lock:
                self._pairs.append(pair)
            for outward in (True, False):
                thread = threading.Thread(target=pair.move, args=(outward, self._count))
                self._threads.append(thread)
                thread.start()

    def _count(self, size: int) -> bool:
        """Count what goes through; the piece at which it is enough goes through by half."""
        with self._lock:
            if not self._left:
                return False
            self._left = max(self._left - size, 0)
            enough = not self._left
        if enough:
            self.cut()
        return enough


@dataclass
class Sandbox:
    """Source and target servers, and the database that is copied again and again."""

    source: Server
    target: Server
    name: str = "sweep"
    filled: str = "filled"
    proxies: dict[str, Proxy] = field(default_factory=dict)

    def server(self, side: str) -> Server:
        return self.source if side == "source" else self.target

    def database(self, side: str) -> str:
        return self.filled if side == "source" else self.name

    def url(self, side: str, *, proxy: bool = False) -> str:
        database, user = self.database(side), "postgres" if side == "source" else "master"
        url = self.server(side).at.url(database, user, SECRET if side == "target" else "postgres")
        if not proxy:
            return url
        if side not in self.proxies:
            self.proxies[side] = Proxy(self.server(side).at.port)
        return url.replace(f":{self.server(side).at.port}/", f":{self.proxies[side].port}/")

    def fresh(self) -> None:
        """Make the target blank."""
        self.settle()
        self.target.execute(f"DROP DATABASE IF EXISTS {self.name} (FORCE)")
        self.target.at.create_database(self.name, owner="master")

    def settle(self) -> None:
        self.source.settle()
        self.target.settle()

    def terminate(self, side: str, dice: random.Random) -> None:
        """End one session with a database, as an administrator would."""
        backends = self.server(side).backends(self.database(side))
        if backends:
            self.server(side).execute("SELECT pg_terminate_backend(%s)", dice.choice(backends))

    def kill_backend(self, side: str, dice: random.Random) -> None:
        """Kill the server's process for one session: the server ends all others, and recovers."""
        backends = self.server(side).backends(self.database(side))
        if backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(backends), signal.SIGKILL)


@contextlib.contextmanager
def sandbox(folder: Path, statements: str, **settings: str):
    """Run both servers, the source filled by ``statements``, for the length of a ``with`` block."""
    pair = [Server(folder / name, max_connections="40", **settings) for name in ("source", "target")]
    found = Sandbox(*pair)
    try:
        for one in pair:
            one.start()
        found.target.at.create_role("master", SECRET)
        found.source.execute(f"CREATE DATABASE {found.filled}")
        found.source.execute(statements, database=found.filled)
        yield found
    finally:
        for proxy in found.proxies.values():
            proxy.close()
        for one in pair:
            one.stop()
            shutil.rmtree(one.at.folder, ignore_errors=True)
