"""Keeping the stack's programs: the supervisor, through its socket, and a search for leftover processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from rehearsal.errors import RehearsalError
from rehearsal.process.programs import PYTHON, Program, minimal_environment, not_started

KEPT = frozenset({"STARTING", "RUNNING"})
_PATIENCE = 20.0


class Supervisor:
    """The supervisor of one stack; ``mark`` is the environment variable that its processes all carry."""

    def __init__(self, folder: Path, runtime: Path, mark: tuple[str, str]) -> None:
        self._folder = folder
        self._socket = runtime / "supervisor.sock"
        self._mark = mark
        self._configuration = folder / "supervisor.conf"

    def is_alive(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def configured_for(self, programs: Iterable[Program]) -> bool:
        """Return whether it was started with these very programs."""
        with contextlib.suppress(FileNotFoundError):
            return self._configuration.read_text(encoding="utf-8") == self._render(programs)
        return False

    def start(self, programs: Iterable[Program]) -> None:
        """Start it, with no program running yet."""
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(self._render(programs), encoding="utf-8")
        self._socket.unlink(missing_ok=True)
        name, value = self._mark
        subprocess.run(
            [PYTHON, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
            env=minimal_environment(**{name: value}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        deadline = time.monotonic() + _PATIENCE
        while not self.is_alive():
            if time.monotonic() > deadline:
                raise not_started("supervisor", "did not start", self._folder / "logs" / "supervisor.log")
            time.sleep(0.05)

    def states(self) -> dict[str, str]:
        """Return the state of each program (``RUNNING``, ``FATAL`` …); empty when it does not answer."""
        try:
            return {one["name"]: one["statename"] for one in self._call("getAllProcessInfo")}
        except (OSError, xmlrpc.client.Error):
            return {}

    def run(self, name: str) -> None:
        """Start a program unless it runs."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise not_started(
                    name, f"could not be started ({fault.faultString})", self._log(name)
                ) from fault

    def stop(self, name: str) -> None:
        """Stop a program, and wait until it has ended."""
        try:
            self._call("stopProcess", name)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise not_started(
                    name, f"could not be stopped ({fault.faultString})", self._log(name)
                ) from fault

    def keeps(self, name: str) -> bool:
        """Return whether a program runs or is about to; ``False`` when it ended or is given up."""
        return self.states().get(name) in KEPT

    def end(self) -> None:
        """End it and every program of the stack, tasks too. Nothing is left."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            # First of all, so that it restarts nothing. A number that is not ours any more is not touched.
            number = int((self._folder / "supervisor.pid").read_text(encoding="utf-8"))
            if number in marked(self._mark):
                os.kill(number, signal.SIGKILL)
        end_marked(self._mark)
        self._socket.unlink(missing_ok=True)

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport)
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def _render(self, programs: Iterable[Program]) -> str:
        logs = self._folder / "logs"
        head = (
            "[supervisord]\n"
            f"logfile={logs}/supervisor.log\npidfile={self._folder}/supervisor.pid\n"
            f"childlogdir={logs}\nnocleanup=true\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[unix_http_server]\nfile={self._socket}\nchmod=0600\n"
        )
        return head.replace("%", "%%") + "".join(self._section(one) for one in programs)

    def _section(self, program: Program) -> str:
        environment = ",".join(f'{name}="{value}"' for name, value in sorted(program.environment.items()))
        command = " ".join(_quoted(word) for word in program.command)
        lines = {
            "command": command,
            "environment": environment,
            "directory": self._folder,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 1,
            "stopsignal": program.stop_signal.name.removeprefix("SIG"),
            "stopwaitsecs": 15,
            "stdout_logfile": self._folder / "logs" / f"{program.name}.log",
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": 1,
            "redirect_stderr": "true",
        }
        body = "".join(f"{key}={str(value).replace('%', '%%')}\n" for key, value in lines.items())
        return f"[program:{program.name}]\n{body}"


def marked(mark: tuple[str, str]) -> list[int]:
    """Return the processes, other than this one, whose environment carries ``mark`` (name, value)."""
    wanted = f"{mark[0]}={mark[1]}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_marked(mark: tuple[str, str]) -> None:
    """End all processes that carry ``mark``. Raises ``RehearsalError`` when one survives.

    They are killed, as their writes are in the kernel's cache already; PostgreSQL gets SIGINT first, because
    killed it would leave its shared memory behind.
    """
    began = time.monotonic()
    while found := marked(mark):
        waited = time.monotonic() - began
        for process in found:
            with contextlib.suppress(OSError):
                polite = waited < _PATIENCE / 4 and _name(process) == "postgres"
                os.kill(process, signal.SIGINT if polite else signal.SIGKILL)
        if waited > _PATIENCE:
            numbers = ", ".join(map(str, found))
            raise RehearsalError(
                "could not be ended", subject=f"processes {numbers}", remedy="End them by hand."
            )
        time.sleep(0.05)


def _name(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' if set(word) & set(" '\"\\;") else word
