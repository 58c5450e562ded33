"""Runs of a clone that can be disturbed at any event, and what came of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
# No run of these small databases takes nearly as long: whoever does hangs.
PATIENCE = 90


@dataclass
class Run:
    """One run: its events, and how it ended (``killed``, ``failed``, ``broken`` or ``done``)."""

    pid: int = 0
    events: list[dict] = field(default_factory=list)
    end: str = "killed"
    message: str = ""
    kind: str = ""
    result: dict = field(default_factory=dict)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def tables(self, kind: str) -> set[str]:
        """Return the tables that events of ``kind`` named."""
        return {one["table"] for one in self.events if one["kind"] == kind}


class Runner:
    """Starts clones; ``close`` ends them all."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sweeps.postgres_zygote"],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def close(self) -> None:
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()

    def run(self, source, target, *, on_start=None, on_event=None, **options) -> Run:
        """Clone ``source`` to ``target`` (URLs), and return what happened.

        ``on_start(run)`` is called when the process runs, ``on_event(run, number, event)`` at each event,
        while the process waits.
        """
        found = Run()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            request = {"port": server.getsockname()[1], "source": source, "target": target}
            self._process.stdin.write(json.dumps(request | {"options": options}) + "\n")
            self._process.stdin.flush()
            peer, _ = server.accept()
        with peer, peer.makefile("rw", encoding="utf-8") as lines:
            peer.settimeout(PATIENCE)
            try:
                self._listen(lines, found, on_start, on_event)
            except TimeoutError:
                found.end = "hangs"
                os.killpg(found.pid, signal.SIGKILL)
            except (ConnectionError, BrokenPipeError):
                pass  # killed while it was spoken to
        return found

    @staticmethod
    def _listen(lines, found, on_start, on_event) -> None:
        for line in lines:
            reported = json.loads(line)
            what = reported.pop("what")
            if what == "event":
                found.events.append(reported["event"])
                if on_event:
                    on_event(found, len(found.events), reported["event"])
            elif what == "started":
                found.pid = reported["pid"]
                if on_start:
                    on_start(found)
            else:
                found.end = what
                for name, value in reported.items():
                    setattr(found, name, value)
            lines.write("\n")
            lines.flush()
