"""One run of a command: how long it took, what it cost, and how large it and its children grew."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLING = 0.1  # seconds between two looks at the memory
_PROC = Path("/proc")


class FailedError(Exception):
    """A command of a benchmark failed: its figures would mean nothing."""


@dataclass(frozen=True)
class Job:
    """A command to measure. ``environment`` is all that it sees; ``log`` receives what it prints."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path = Path("/dev/null")


@dataclass(frozen=True)
class Usage:
    """What a run cost.

    ``cpu`` and ``peak`` (bytes of memory) are those of the command with all its children, ``server_cpu`` that
    of the servers it worked on. Memory that processes share counts for each of them.
    """

    seconds: float
    cpu: float
    server_cpu: float
    peak: int


def measure(job: Job, servers: Iterable[int] = ()) -> Usage:
    """Run ``job`` to its end. ``servers`` are the process ids of the servers it uses.

    Raises ``FailedError`` with its last words when it does not end well.
    """
    watched = list(servers)
    before = sum(cpu_seconds(pid) for pid in watched)
    began = monotonic()
    with job.log.open("ab") as log, _started(job, log) as process, _Watch(process.pid) as memory:
        _, status, used = os.wait4(process.pid, 0)
        seconds = monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise FailedError(
            f"{job.command[0]} ended with {process.returncode}: {' | '.join(last_words(job.log))}"
        )
    return Usage(
        seconds=seconds,
        cpu=used.ru_utime + used.ru_stime,
        server_cpu=sum(cpu_seconds(pid) for pid in watched) - before,
        peak=memory.peak,
    )


@contextlib.contextmanager
def _started(job: Job, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        job.command,
        env=dict(job.environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Watch:
    """The most memory that a process and its children held at one time, looked at again and again."""

    def __init__(self, root: int) -> None:
        self.peak = 0
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_SAMPLING):
            self.peak = max(self.peak, sum(resident(pid) for pid in tree(self._root)))


def tree(root: int) -> list[int]:
    """Return ``root``, all that descend from it, and all of its session (whose parents may have ended)."""
    parents = {pid: ancestry for pid in _numbers() if (ancestry := _ancestry(pid))}
    found = {root}
    size = 0
    while size != len(found):
        size = len(found)
        found |= {pid for pid, (parent, leader) in parents.items() if parent in found or leader == root}
    return sorted(found)


def _numbers() -> list[int]:
    return [int(one.name) for one in _PROC.iterdir() if one.name.isdigit()]


def _ancestry(pid: int) -> tuple[int, int] | None:
    """Return the parent and the session of a process."""
    with contextlib.suppress(OSError):
        fields = _fields(pid)
        return int(fields[1]), int(fields[3])
    return None


def _fields(pid: int) -> list[str]:
    """Return what the kernel says of a process, from its state on: its name may hold any character."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds; none when it is gone."""
    with contextlib.suppress(OSError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    return 0


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of those of its children that have ended."""
    return sum(int(one) for one in _fields(pid)[11:15]) / _TICKS


def last_words(log: Path, count: int = 5) -> list[str]:
    """Return the last lines of a log."""
    with contextlib.suppress(OSError):
        if log.is_file():
            return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    return []
