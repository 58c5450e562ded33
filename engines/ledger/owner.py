"""Who holds the lock, in a form that tells later whether the holder is still alive."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Owner:
    """A person's ``ansible-playbook`` process: ``user`` on ``host``, with its ``pid`` and start time.

    ``started`` is the process's start time in clock ticks since boot, because pids are used again.
    """

    user: str
    host: str
    pid: int
    started: int

    @classmethod
    def of_this_run(cls) -> Owner:
        """The outermost ``ansible-playbook`` above this process, or this process where there is none."""
        pid = os.getpid()
        for ancestor in _ancestors(pid):
            if "ansible-playbook" in _command(ancestor):
                pid = ancestor
        return cls(getpass.getuser(), socket.gethostname(), pid, _start_time(pid))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Owner:
        """Read what ``to_dict`` wrote."""
        return cls(str(data["user"]), str(data["host"]), int(data["pid"]), int(data["started"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return asdict(self)

    def is_known_dead(self) -> bool:
        """Whether this machine can tell that the process has ended; never so for another machine's."""
        return self.host == socket.gethostname() and _start_time(self.pid) != self.started

    def __str__(self) -> str:
        """Name the holder to a person."""
        return f"{self.user}@{self.host} (process {self.pid})"


def _ancestors(pid: int) -> Iterator[int]:
    """Yield the parents of ``pid``, nearest first."""
    while pid > 1:
        fields = _stat(pid)
        if not fields:
            return
        pid = int(fields[1])
        yield pid


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may itself hold spaces; empty if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _start_time(pid: int) -> int:
    fields = _stat(pid)
    # A zombie has ended, though its parent has not asked for its exit code yet.
    return int(fields[19]) if fields and fields[0] != "Z" else 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
