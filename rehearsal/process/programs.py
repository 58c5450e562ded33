"""Programs of the rehearsal: how one is started, when it is ready, and what it said when it failed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.errors import RehearsalError

LOOPBACK = "127.0.0.1"
PROJECT = Path(__file__).resolve().parents[2]  # the checkout
PYTHON = str(Path(sys.prefix) / "bin" / "python")  # sys.executable has several names for the same program
_LAST_LINES = 15
# Below what any system takes for outgoing connections, above the ports of inventories and of Molecule, whose
# stores' gRPC ports begin at 29000.
_CHOICE = range(26000, 29000)
# Linux alone has names that one process binds, and that are free again however it ends.
_ABSTRACT = sys.platform == "linux"
# File descriptors. The oldest go when there are more than these: servers listen by then.
_claims: deque[int] = deque()
_MOST_CLAIMS = 256


@dataclass(frozen=True)
class Program:
    """A long-running program.

    ``ports`` maps the name of each TCP port it listens on to its number; ``stop_signal`` asks it to end.
    ``environment`` is its whole environment. ``ready`` returns whether it can be used; ``alive`` is a cheaper
    check of a program that was ready once.
    """

    name: str
    command: tuple[str, ...]
    ports: Mapping[str, int]
    ready: Callable[[], bool]
    alive: Callable[[], bool] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM

    def answers(self) -> bool:
        """Return whether a program that was ready once still serves."""
        return (self.alive or self.ready)()


def minimal_environment(**more: str) -> dict[str, str]:
    """Return an environment that has nothing of the caller's, for programs and their restarts."""
    return {"PATH": f"{Path(PYTHON).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **more}


def free_ports(count: int) -> list[int]:
    """Return ``count`` different TCP ports that nothing listens on now, on loopback.

    They are none of those from which the kernel takes one for an outgoing connection, and this process keeps
    a claim on each: two that choose at the same time, and listen only minutes later, do not choose the same.
    """
    chosen: list[int] = []
    for port in random.sample(_CHOICE, len(_CHOICE)):
        if len(chosen) < count and (claim := _claim(port)) is not None:
            _claims.append(claim)
            chosen.append(port)
    if len(chosen) < count:
        raise RehearsalError(
            f"only {len(chosen)} of {count} ports are free",
            subject=f"ports {_CHOICE.start} to {_CHOICE.stop - 1} of {LOOPBACK}",
            remedy="End what listens there.",
        )
    _forget_old_claims()
    return chosen


def claim_ports(ports: Sequence[int]) -> bool:
    """Claim all of ``ports`` as `free_ports` does, or none; return whether they were free."""
    claims = [_claim(port) for port in ports]
    if any(claim is None for claim in claims):
        for claim in claims:
            if claim is not None:
                os.close(claim)
        return False
    _claims.extend(claim for claim in claims if claim is not None)
    _forget_old_claims()
    return True


def _forget_old_claims() -> None:
    while len(_claims) > _MOST_CLAIMS:
        os.close(_claims.popleft())


def _claim(port: int) -> int | None:
    """Return the descriptor that holds a claim on ``port``, or None where somebody listens or has one."""
    with socket.socket(socket.AF_UNIX if _ABSTRACT else socket.AF_INET) as claim:
        try:
            if _ABSTRACT:
                claim.bind(f"\0bmii-rehearsal-port-{port}")
            with socket.socket() as tried:
                tried.bind((LOOPBACK, port))
        except OSError:
            return None
        return claim.detach()


def in_use(port: int) -> bool:
    """Return whether something listens on ``port`` of the loopback interface."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((LOOPBACK, port)) == 0


def last_lines(log: Path, count: int = _LAST_LINES) -> list[str]:
    """Return the last lines of a log, or none when there is no log."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def not_started(name: str, why: str, log: Path) -> RehearsalError:
    """Return the error about a program that did not start, with the last lines of its log."""
    lines = last_lines(log)
    return RehearsalError(
        f"{why}. The end of its log: {' | '.join(lines[-3:])}" if lines else why,
        subject=name,
        remedy=f"Read {log}.",
        details={"log": str(log), "last_lines": lines},
    )


def wait_until_ready(
    program: Program, alive: Callable[[], bool], log: Path, *, timeout: float = 60, interval: float = 0.05
) -> None:
    """Wait until ``program`` serves. Raises ``RehearsalError`` if it died or time ran out."""
    deadline = time.monotonic() + timeout
    while not program.ready():
        if not alive():
            raise not_started(program.name, "ended instead of serving", log)
        if time.monotonic() > deadline:
            raise not_started(program.name, f"did not serve within {timeout:.0f} seconds", log)
        time.sleep(interval)


@contextlib.contextmanager
def running(program: Program, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``program`` for the length of a ``with`` block, in which it is ready (for tests)."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            program.command,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(program, lambda: process.poll() is None, log)
        yield process
    finally:
        process.send_signal(program.stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
