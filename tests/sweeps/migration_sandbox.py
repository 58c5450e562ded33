"""A rehearsal of its own, somebody who writes to its source, and whole migrations of it that are killed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.process import PYTHON
from rehearsal.stack import free_stack_ports
from tests import local_clients
from tests.journey.clone import kill_all

ROOT = Path(__file__).parents[2]
BUCKET = "raw"
ROWS_A_SECOND, OBJECTS_A_SECOND = 50, 5
REFUSED = "25006"
_INSERTS = (
    "INSERT INTO ingests (sha256, file_name, rows_accepted, rows_rejected) VALUES (%s, 'written', 0, 0)",
    "INSERT INTO rankings (smiles, top_k, model_version, results, milliseconds) "
    "VALUES (%s, 1, 'none', '[]', 1)",
)
WRITTEN = (
    "SELECT sha256 FROM ingests WHERE file_name = 'written' "
    "UNION ALL SELECT smiles FROM rankings WHERE model_version = 'none'"
)


@dataclass
class Writer:
    """Who writes rows and objects to the source until told to stop, and remembers what was acknowledged.

    The object part stops while ``folder/stop`` is there, as a service does that is stopped.
    """

    address: str
    store: Any
    folder: Path
    rows: dict[str, float] = field(default_factory=dict)
    objects: dict[str, float] = field(default_factory=dict)
    refused: list[tuple[float, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        """Start both writers."""
        threads = [threading.Thread(target=one, daemon=True) for one in (self._write_rows, self._put_objects)]
        for thread in threads:
            thread.start()
        return threads

    def start_again(self) -> None:
        """Start the objects' writer, which a run has stopped."""
        for name in ("stop", "stopped"):
            (self.folder / name).unlink(missing_ok=True)

    def write_objects(self, count: int) -> None:
        """Write so many more objects, and stop again."""
        written = len(self.objects)
        self.start_again()
        while len(self.objects) < written + count:
            time.sleep(0.05)
        (self.folder / "stop").touch()
        while not (self.folder / "stopped").exists():
            time.sleep(0.05)

    @property
    def stop_command(self) -> list[str]:
        """Return a command for ``migrate_source_stop``: when it ends, no object is written any more."""
        wait = f"touch {self.folder}/stop; while [ ! -e {self.folder}/stopped ]; do sleep 0.05; done"
        return ["sh", "-c", wait]

    def _write_rows(self) -> None:
        session: psycopg.Connection[Any] | None = None
        for number in itertools.count():
            if self.ended.wait(1 / ROWS_A_SECOND):
                break
            name = f"row-{number}"
            try:
                session = session or psycopg.connect(self.address, autocommit=True, connect_timeout=10)
                session.execute(_INSERTS[number % 2], (name,))
            except psycopg.Error as error:
                self.refused.append((time.time(), error.sqlstate or str(error)))
                if error.sqlstate != REFUSED and session is not None:
                    session.close()
                    session = None
            else:
                self.rows[name] = time.time()
        if session is not None:
            session.close()

    def _put_objects(self) -> None:
        for number in itertools.count():
            if self.ended.wait(1 / OBJECTS_A_SECOND):
                return
            if (self.folder / "stop").exists():
                (self.folder / "stopped").touch()
                continue
            key = f"written/{number:06d}"
            with contextlib.suppress(ClientError, BotoCoreError):
                self.store.put_object(Bucket=BUCKET, Key=key, Body=f"object {number}".encode())
                self.objects[key] = time.time()


@dataclass(frozen=True)
class Run:
    """What one run printed, line by line with its moment, and how it ended."""

    lines: list[tuple[float, str]]
    code: int

    @property
    def text(self) -> str:
        """Return the output on one line, as Ansible breaks sentences."""
        return " ".join(" ".join(line for _, line in self.lines).split())

    @property
    def tasks(self) -> list[float]:
        """Return when each task began."""
        return [moment for moment, line in self.lines if line.startswith("TASK [")]

    def began(self, task: str) -> list[float]:
        """Return when tasks of this name began."""
        return [moment for moment, line in self.lines if line.startswith("TASK [") and f"{task}]" in line]


@dataclass(frozen=True)
class Kill:
    """When a run is killed: ``seconds`` after a task has begun, the one of this name or ``number``.

    ``alone``: its workers go on.
    """

    number: int = 0
    seconds: float = 0.0
    alone: bool = False
    task: str = ""

    def is_due(self, line: str, begun: int) -> bool:
        """Return whether the task begins with this ``line``, or had; ``begun`` tasks have."""
        return f"{self.task}]" in line if self.task else begun > self.number


class Sandbox:
    """One rehearsal, on ports and in folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        free = free_stack_ports()
        self.ports = asdict(free)
        store = self.client("s3", free.object_store, "minioadmin")
        self.writer = Writer(self.address("source_postgres", "postgres"), store, folder)
        self.runs: list[Run] = []

    def client(self, service: str, port: int = 0, key: str = "test") -> Any:
        """Return a client of the target, or of what listens on ``port``."""
        return local_clients.client(
            f"http://127.0.0.1:{port or self.ports['aws']}",
            (key, key),
            service=service,
            read_timeout=20,
            retries={"total_max_attempts": 1},
        )

    def playbook(self, name: str, kill: Kill | None = None, **variables: Any) -> Run:
        """Run a playbook to its end, or kill it."""
        usual = {
            "local_stack_ports": self.ports,
            "local_stack_dir": str(self.folder / "stack"),
            "platform_work_dir": str(self.folder / "work"),
        }
        given = self.folder / "variables.json"
        given.write_text(json.dumps({**usual, **variables}), encoding="utf-8")
        command = [Path(PYTHON).parent / "ansible-playbook", f"playbooks/{name}.yml", f"-e@{given}"]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_"))
        }
        # Each task on a line of its own, from which its beginning is known.
        environment["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
        lines: list[tuple[float, str]] = []
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            _follow(process, lines, kill)
        self.runs.append(Run(lines, process.returncode))
        return self.runs[-1]

    def began(self, task: str) -> list[float]:
        """Return when tasks of this name began, in any run."""
        return [moment for run in self.runs for moment in run.began(task)]

    def rows(self, server: str, user: str) -> set[str]:
        """Return which of the writer's rows a database has."""
        with psycopg.connect(self.address(server, user)) as session:
            return {row[0] for row in session.execute(WRITTEN)}

    def address(self, server: str, user: str, database: str = "bio_bind_rank") -> str:
        """Return how a database of a server is reached."""
        port = self.ports[server]
        return f"host=127.0.0.1 port={port} user={user} password=postgres dbname={database}"

    def objects(self) -> set[str]:
        """Return the keys that the target has."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=f"bmii-{BUCKET}")
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def _follow(process: subprocess.Popen[str], lines: list[tuple[float, str]], kill: Kill | None) -> None:
    """Note what the run prints and when; kill it at its instant."""
    assert process.stdout is not None
    number, killer = 0, None
    for line in process.stdout:
        lines.append((time.time(), line))
        number += line.startswith("TASK [")
        if kill is not None and killer is None and kill.is_due(line, number):
            end = (
                (lambda: os.kill(process.pid, signal.SIGKILL))
                if kill.alone
                else (lambda: kill_all(process.pid))
            )
            killer = threading.Timer(kill.seconds, end)
            killer.start()
        if process.poll() is not None:
            break  # what it has left at work may keep the pipe open
    if killer is not None:
        killer.join()
