"""A container's health check: its command is run in the container's environment, by the task definition.

Only more often than on Fargate, where it may be every half minute, so that a rehearsal does not wait.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.fargate.command import Command

_FIRST = 0.5
_LONGEST_INTERVAL = 5.0
STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"


@dataclass(frozen=True)
class Check:
    """What is run, how often, and how many failures in a row are too many. Times are in seconds."""

    words: tuple[str, ...]
    interval: float = 30
    timeout: float = 5
    retries: int = 3
    start_period: float = 0

    @classmethod
    def of(cls, described: Mapping[str, Any] | None) -> Check | None:
        """Read ``healthCheck`` of a container definition; ``None`` when there is none."""
        kind, *words = (described or {}).get("command") or ["NONE"]
        if kind == "NONE" or not described:
            return None
        return cls(
            ("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words),
            float(described.get("interval") or 30),
            float(described.get("timeout") or 5),
            int(described.get("retries") or 3),
            float(described.get("startPeriod") or 0),
        )


class Health:
    """The result of the checks: ``state`` as Docker names it."""

    def __init__(self, check: Check) -> None:
        self.state = STARTING
        self._check = check
        self._failed = 0

    def after(self, *, passed: bool, age: float) -> None:
        """Take one more check into account, of a container that has run for ``age`` seconds."""
        if passed:
            self.state, self._failed = HEALTHY, 0
        elif age > self._check.start_period or self.state != STARTING:
            self._failed += 1
            if self._failed >= self._check.retries:
                self.state = UNHEALTHY


def watch(check: Check, command: Command, runs: Callable[[], bool]) -> Health:
    """Check in the background for as long as the container ``runs``. ``command`` runs the check's words."""
    health, started = Health(check), time.monotonic()

    def run() -> None:
        pause = _FIRST
        while True:
            time.sleep(pause)
            if not runs():
                return
            health.after(passed=_passes(command, check.timeout), age=time.monotonic() - started)
            pause = min(check.interval, _LONGEST_INTERVAL)

    threading.Thread(target=run, name="fargate-health", daemon=True).start()
    return health


def _passes(command: Command, timeout: float) -> bool:
    words: Sequence[str] = command.arguments
    try:
        done = subprocess.run(
            words,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
