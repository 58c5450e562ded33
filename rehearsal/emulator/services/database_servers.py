"""The servers behind the emulated account's database instances.

The server that stands in for RDS answers at the address that the inventory knows, and the stack's supervisor
keeps it. A restored instance has a server of its own, in a folder named by its resource id. Renaming
instances exchanges them: folders are moved, and which server is the target follows from which folders exist,
so that an interrupted exchange is finished by the same steps.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.process import Supervisor, minimal_environment, wait_until_ready
from rehearsal.servers import PostgresServer, backups, postgres
from rehearsal.stack import MARK, TARGET, StackConfig

_PATIENCE = 300  # seconds, for a server that first has to read what it was


@dataclass(frozen=True)
class Databases:
    """The target of a stack, and the servers of its other instances."""

    config: StackConfig

    @property
    def target(self) -> PostgresServer:
        """Return the server that answers at the address that the inventory knows."""
        return self.config.target

    @property
    def other_servers(self) -> Path:
        """Return the folder of all other servers, each in a folder of its own."""
        return self.config.folder / "databases"

    @property
    def supervisor(self) -> Supervisor:
        """Return what keeps the target."""
        return Supervisor(self.config.folder, self.config.runtime, self._mark)

    def has_own_server(self, resource: str) -> bool:
        """Return whether the instance with this resource id is another than the target."""
        return (self.other_servers / resource).exists()

    def server(self, resource: str, port: int) -> PostgresServer:
        """Return the instance's server; ``port`` is where it answers unless it is the target."""
        return (
            PostgresServer(port, self.other_servers / resource)
            if self.has_own_server(resource)
            else self.target
        )

    def restore(self, source: PostgresServer, resource: str, port: int, moment: datetime | None) -> None:
        """Start a server that is what ``source`` was at ``moment`` (None: is now), if it was not before.

        Raises ``RehearsalError``.
        """
        if not self.has_own_server(resource):
            if source.is_ready():
                backups.flush(source.url(), source.folder)
            backups.lay_out(source.folder, self.other_servers / resource, moment)
            postgres.own(self.other_servers / resource)
        self.start(resource, port)

    def start(self, resource: str, port: int) -> None:
        """Start the instance's own server unless it answers. Raises ``RehearsalError``."""
        server = self.server(resource, port)
        if server.is_ready():
            return
        (server.folder / "postmaster.pid").unlink(missing_ok=True)
        log, pid = server.folder.with_suffix(".log"), server.folder / "postmaster.pid"
        self._control(server, "start", "-l", str(log), "-o", f"-p {port}")
        # One that still reads what it was counts as started, and lets nobody in.
        wait_until_ready(server.program(), pid.exists, log, timeout=_PATIENCE)

    def stop(self, resource: str) -> None:
        """Stop the instance's own server, if it runs."""
        folder = self.other_servers / resource
        if (folder / "postmaster.pid").exists():
            self._control(PostgresServer(0, folder), "stop", "-m", "fast")

    def move_away(self, resource: str, port: int) -> None:
        """Let the target's server be this instance's own, at ``port``; nothing answers at its address."""
        if not self.has_own_server(resource):
            self.supervisor.stop(TARGET)
            self.config.target_away.touch()
            self.other_servers.mkdir(exist_ok=True)
            self.target.folder.rename(self.other_servers / resource)
        self.start(resource, port)

    def move_in(self, resource: str) -> None:
        """Let the instance's own server be the target."""
        if self.has_own_server(resource):
            self.stop(resource)
            (self.other_servers / resource).rename(self.target.folder)
        self.config.target_away.unlink(missing_ok=True)
        self.supervisor.run(TARGET)
        log = self.config.logs / f"{TARGET}.log"
        wait_until_ready(self.target.program(TARGET), lambda: self.supervisor.keeps(TARGET), log)

    def remove(self, resource: str) -> None:
        """Delete the instance's own server with all that it holds."""
        if self.has_own_server(resource):
            self.stop(resource)
            shutil.rmtree(self.other_servers / resource)

    @property
    def _mark(self) -> tuple[str, str]:
        return MARK, str(self.config.folder)

    def _control(self, server: PostgresServer, verb: str, *options: str) -> None:
        command = [
            *postgres.without_root(),
            str(postgres.find_binaries() / "pg_ctl"),
            verb,
            "-w",
            "-t",
            str(_PATIENCE),
            "-D",
            str(server.folder),
            *options,
        ]
        environment = minimal_environment(**dict([self._mark]))
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RehearsalError(
                f"did not {verb}: {(done.stderr or done.stdout).strip()[-300:]}",
                subject=f"database server in {server.folder}",
                remedy=f"Read {server.folder.with_suffix('.log')}.",
            )
