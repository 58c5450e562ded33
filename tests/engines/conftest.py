"""A state bucket on a real S3, and processes that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

import pytest

from engines.ledger.store import Store
from engines.runs import processes
from engines.runs.owner import Owner
from tests.clock import Clock


@pytest.fixture
def store(aws) -> Store:
    store = Store(f"state-{uuid.uuid4().hex[:8]}")
    store.create("us-east-1")
    store.secure()
    return store


class Process:
    """A process that works until it is told to stop, as a run's main process does, or one of its workers."""

    def __init__(self, run_id: str = "") -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, processes.MARK: run_id},
        )
        assert self._popen.stdout
        self._popen.stdout.readline()  # before that it may not be the program yet, and have no command line
        self.owner = Owner.of(self._popen.pid)

    def kill(self) -> None:
        self._popen.kill()
        self._popen.communicate()

    def stop(self) -> None:
        self._popen.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._popen.send_signal(signal.SIGCONT)


@pytest.fixture
def process():
    """Return a function that starts a process; each is killed at the end."""
    started: list[Process] = []

    def start(run_id: str = "") -> Process:
        started.append(Process(run_id))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def wait_until():
    """Return a function that waits for what must come true, and fails the test if it does not."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in two minutes"
            time.sleep(0.1)

    return wait


@pytest.fixture
def clock() -> Clock:
    """Return what a module may be given in place of ``time``, which other threads keep."""
    return Clock()
