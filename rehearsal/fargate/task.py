"""One container of a task, as a process, in the shape in which docker-py presents a container."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rehearsal.fargate import launcher
from rehearsal.fargate.command import Command, interpreter
from rehearsal.fargate.health import Health

_LAUNCHER = Path(launcher.__file__)
_POLL = 0.1
NETWORK = "awsvpc"

# The kernel ends a task when the *thread* that started it ends, so one thread that lives as long as
# the runner starts them all.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fargate-starter")


class Container:
    """A running or ended process with an address of its own on the loopback network.

    ``memory_limit`` is in bytes, 0 for none; ``stop_timeout`` is for how many seconds SIGTERM is enough.
    """

    def __init__(
        self,
        identity: str,
        command: Command,
        log: Path,
        *,
        address: str,
        labels: Mapping[str, str],
        memory_limit: int = 0,
        stop_timeout: float = 30,
    ) -> None:
        self.id = identity
        self.memory_limit = memory_limit
        self.stop_timeout = stop_timeout
        self.out_of_memory = False
        self.health: Health | None = None
        self.labels = dict(labels)
        self.address = address
        self.attrs: dict[str, Any] = {"NetworkSettings": {"Networks": {NETWORK: {"IPAddress": address}}}}
        self._log = log
        self._group_ended = False
        self._process = _starter.submit(_start, command, log).result()
        self.session = self._process.pid

    @property
    def status(self) -> str:
        """Return ``running`` or ``exited``."""
        return "running" if self._process.poll() is None else "exited"

    def reload(self) -> None:
        """Do nothing: ``status`` is always fresh."""

    def wait(self) -> dict[str, int]:
        """Wait for the end, and return its exit code as a shell counts it (137 for SIGKILL)."""
        code = self._process.wait()
        return {"StatusCode": code if code >= 0 else 128 - code}

    def stop(self, timeout: float = 30) -> None:
        """Ask the process group to end, and end it after ``timeout`` seconds."""
        if self._group_ended:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._group_ended = True

    def kill_for_memory(self) -> None:
        """End the process group at once, and remember why."""
        self.out_of_memory = True
        self._signal(signal.SIGKILL)

    def remove(self, *, v: bool = False, force: bool = False) -> None:  # noqa: ARG002 - docker-py's signature
        """Make sure that it has ended; its log stays, because a reader may still be at it."""
        if self.status != "exited" and not force:
            raise RuntimeError("the container is running")
        self.stop(timeout=0)

    def logs(
        self, *, stream: bool = False, follow: bool = False, tail: int | None = None, **_: object
    ) -> bytes | Iterator[bytes]:
        """Return what it wrote: all of it or the last ``tail`` lines; line by line with ``stream``."""
        if stream:
            return self._lines(follow=follow)
        lines = self._log.read_bytes().splitlines(keepends=True)
        return b"".join(lines if tail is None else lines[-tail:])

    def _lines(self, *, follow: bool) -> Iterator[bytes]:
        rest = b""
        with self._log.open("rb") as file:
            while True:
                ended = not follow or self.status == "exited"  # before reading: nothing comes after
                rest += file.read()
                *lines, rest = rest.split(b"\n")
                yield from lines
                if ended:
                    break
                time.sleep(_POLL)
        if rest:
            yield rest

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [interpreter(), "-S", str(_LAUNCHER), str(os.getpid()), str(command.folder), *command.arguments]
    with log.open("ab") as out:
        return subprocess.Popen(
            words,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
