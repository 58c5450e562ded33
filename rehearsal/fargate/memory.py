"""The memory limit of a task: measured, because a limit that the kernel keeps (a cgroup) needs root.

What counts is private memory, resident less shared, of every process that the task has started. A peak
between two measurements is not seen; on Fargate it would be.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

_TICK = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Limited(Protocol):
    """A container. ``session`` is its first process; ``memory_limit`` is in bytes, 0 for none."""

    session: int
    memory_limit: int

    @property
    def status(self) -> str:
        """Return ``running`` or ``exited``."""

    def kill_for_memory(self) -> None:
        """End it at once, and remember why."""


def watch(containers: Callable[[], Iterable[Limited]]) -> None:
    """Kill, in the background and for ever, what uses more memory than it may."""

    def run() -> None:
        while True:
            time.sleep(_TICK)
            enforce(containers())

    threading.Thread(target=run, name="fargate-memory", daemon=True).start()


def enforce(containers: Iterable[Limited]) -> None:
    """Measure every container once."""
    limited = {one.session: one for one in containers if one.memory_limit and one.status == "running"}
    for session, amount in used(limited).items():
        if amount > limited[session].memory_limit:
            limited[session].kill_for_memory()


def used(sessions: Collection[int]) -> dict[int, int]:
    """Return the private memory, in bytes, of the processes of each session."""
    totals: Counter[int] = Counter()
    if not sessions:
        return totals
    for name in os.listdir("/proc"):  # noqa: PTH208 - called four times a second: names are enough
        if not name.isdigit():
            continue
        try:
            session = os.getsid(int(name))
            if session in sessions:
                _, resident, shared, *_ = Path("/proc", name, "statm").read_text(encoding="ascii").split()
                totals[session] += (int(resident) - int(shared)) * _PAGE
        except (OSError, ValueError):  # it has ended
            continue
    return totals
