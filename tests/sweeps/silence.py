"""A whole run on a terminal and in a file: nobody waits long for a word of it. Run by `make stress`.

The source gets ``STRESS_GB`` of rows (1.3 unless set) and 5,000 objects; the rehearsal has a folder and ports
of its own.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import boto3
import psycopg
import pytest

from bench import postgres_data
from rehearsal.stack import free_stack_ports

ROOT = Path(__file__).parents[2]
_GIGABYTES = float(os.environ.get("STRESS_GB", "1.3"))
_OBJECTS = 5000
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
Written = list[tuple[float, bytes]]


class Sandbox:
    """A rehearsal of its own in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.ports = asdict(free_stack_ports())
        self.variables = {
            "local_stack_ports": self.ports,
            "local_stack_dir": str(folder / "stack"),
            "platform_work_dir": str(folder / "work"),
        }

    def command(self, playbook: str) -> list[str]:
        """Return the words that run a playbook."""
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return [program, f"playbooks/{playbook}.yml", "-e", json.dumps(self.variables)]

    def play(self, playbook: str) -> None:
        """Run a playbook to its end."""
        done = subprocess.run(
            self.command(playbook), cwd=ROOT, check=False, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stdout[-4000:]

    def fill(self) -> None:
        """Give the source what takes a while to move."""
        url = f"postgresql://postgres:postgres@127.0.0.1:{self.ports['source_postgres']}/bio_bind_rank"
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("CREATE SCHEMA large")
        options = {"options": "-c search_path=large"}
        postgres_data.fill(
            psycopg.conninfo.make_conninfo(url, **options), postgres_data.measurements(_GIGABYTES)
        )
        store = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.ports['object_store']}",
            aws_access_key_id="minioadmin",
            aws_secret_access_key="minioadmin",
            region_name="us-east-1",
        )
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda number: store.put_object(
                        Bucket="raw", Key=f"many/{number:05}", Body=os.urandom(512) * 40
                    ),
                    range(_OBJECTS),
                )
            )


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    try:
        yield made
    finally:
        made.play("stack_down")


def _watched(command: Sequence[str], *, terminal: bool) -> tuple[int, Written]:
    """Run a command; return its exit code, and what it wrote when."""
    here, there = pty.openpty() if terminal else os.pipe()
    more: Mapping[str, str] = {"TERM": "xterm-256color", "COLUMNS": "100"} if terminal else {}
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=there, stderr=there, env={**environment, **more}
    )
    os.close(there)
    written: Written = [(time.monotonic(), b"")]
    try:
        while select.select([here], [], [], 1)[0] or process.poll() is None:
            if select.select([here], [], [], 0)[0]:
                part = os.read(here, 1 << 16)
                if not part:
                    break
                written.append((time.monotonic(), part))
    except OSError:
        pass  # a terminal whose other end has gone
    finally:
        os.close(here)
    return process.wait(60), written


def _longest(written: Written) -> float:
    return max(after - before for (before, _), (after, _) in pairwise(written))


@pytest.mark.sweep
def test_nobody_waits_for_a_word(sandbox: Sandbox) -> None:
    """On a terminal at most 3 s, in a file 10 s, with no control character there; a no-op in 40 lines."""
    sandbox.play("stack_up")
    sandbox.fill()
    code, written = _watched(sandbox.command("migrate"), terminal=True)
    text = b"".join(part for _, part in written)
    assert code == 0, text[-4000:].decode(errors="replace")
    assert b"MIGRATED" in text
    assert _longest(written) <= 3
    code, written = _watched(sandbox.command("migrate"), terminal=False)
    text = b"".join(part for _, part in written)
    assert code == 0, text.decode(errors="replace")
    assert not _CONTROL.search(text)
    assert len(text.splitlines()) <= 40
    assert _longest(written) <= 10
