"""The containers of a stack: the old world by ``service/compose.yml``, and the network of both worlds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from rehearsal.docker_engine import STACK_LABEL
from rehearsal.errors import RehearsalError
from rehearsal.programs import not_started

PROJECT = Path(__file__).resolve().parent.parent
POSTGRES_IMAGE = "bmii-rehearsal/postgres"
_PYTHON_IMAGE = "bmii-rehearsal/python"
_STORE_IMAGE = "bmii-rehearsal/store"
_SERVICE_IMAGE = "bmii-rehearsal/bmii"
_COMPOSE = PROJECT / "service" / "compose.yml"
_REFERENCE = "bmii/reference/interactions.csv"
SERVICES = ("postgres", "minio", "bmii")


@dataclass(frozen=True)
class Containers:
    """A stack's containers, in a network of the range ``subnet``.

    ``settings`` are the variables of the compose file.
    """

    stack: Path
    subnet: str
    settings: Mapping[str, str]
    log: Path

    @property
    def project(self) -> str:
        """Return the name of the network, and of the old world's compose project."""
        return f"bmii-rehearsal-{hashlib.sha256(str(self.stack).encode()).hexdigest()[:8]}"

    @property
    def gateway(self) -> str:
        """Return this machine's address in the network."""
        return str(next(IPv4Network(self.subnet).hosts()))

    def emulator_settings(self) -> dict[str, str]:
        """Return the settings by which the emulator uses the engine."""
        return {
            "DOCKER_NETWORK": self.project,
            "STACK_GATEWAY": self.gateway,
            "STACK_FOLDER": str(self.stack),
            "STACK_POSTGRES_IMAGE": POSTGRES_IMAGE,
            "RDS_PERSIST": "1",
            **{name: value for name, value in os.environ.items() if name.startswith("DOCKER_")},
        }

    def states(self) -> dict[str, str]:
        """Return the state of each container of the old world, in a supervisor's words."""
        states = dict.fromkeys(SERVICES, "STOPPED")
        with contextlib.suppress(RehearsalError):
            found = client().containers.list(filters={"label": self._of_project}, ignore_removed=True)
            names = {one.labels.get("com.docker.compose.service") for one in found}
            states.update({name: "RUNNING" for name in SERVICES if name in names})
        return states

    def prepare(self) -> None:
        """Make the images and the network. Raises ``RehearsalError``."""
        engine = client()
        self._run("images", ["scripts/base-images"])
        build = ["docker", "build", "--quiet", "--build-arg", f"PYTHON_IMAGE={_PYTHON_IMAGE}"]
        self._run("image of the service", [*build, "--tag", _SERVICE_IMAGE, "service"])
        self._create_network(engine)

    def start(self) -> None:
        """Start the old world: database, store, and once they are there the service."""
        self._compose("up", "--detach", "--no-build")

    def ingest(self) -> None:
        """Fill the old world with the reference data."""
        self._compose("exec", "-T", "bmii", "python3", "-m", "bmii", "ingest", _REFERENCE)

    def alive(self) -> bool:
        """Say whether the old world may yet serve: a step that failed is not tried for ever."""
        found = client().containers.list(all=True, filters={"label": self._of_project})
        codes = [one.attrs["State"]["ExitCode"] for one in found if one.status == "exited"]
        return bool(found) and not any(codes)

    def remove(self) -> bool:
        """Remove every container of the stack, its volumes and its network; say whether there was one."""
        from docker.errors import NotFound  # noqa: PLC0415

        engine = client()
        volumes, found = set(), 0
        for label in (self._of_project, f"{STACK_LABEL}={self.stack}"):
            for one in engine.containers.list(all=True, filters={"label": label}):
                volumes |= {each["Name"] for each in one.attrs["Mounts"] if each["Type"] == "volume"}
                found += 1
                with contextlib.suppress(NotFound):
                    one.remove(force=True, v=True)
        for name in volumes:
            with contextlib.suppress(NotFound):
                engine.volumes.get(name).remove(force=True)
        for network in engine.networks.list(filters={"label": f"{STACK_LABEL}={self.stack}"}):
            network.remove()
            found += 1
        for network in engine.networks.list(filters={"label": self._of_project}):
            network.remove()
        return bool(found)

    @property
    def _of_project(self) -> str:
        return f"com.docker.compose.project={self.project}"

    def _create_network(self, engine: Any) -> None:
        from docker.errors import APIError  # noqa: PLC0415
        from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415

        if engine.networks.list(names=[f"^{self.project}$"]):
            return
        pool = IPAMPool(subnet=self.subnet, gateway=self.gateway)
        labels = {STACK_LABEL: str(self.stack)}
        try:
            engine.networks.create(self.project, ipam=IPAMConfig(pool_configs=[pool]), labels=labels)
        except APIError as error:
            raise RehearsalError(
                f"the network could not be made: {error.explanation or error}",
                subject=f"local_stack_subnet {self.subnet}",
                remedy="Set local_stack_subnet to a range that no network of this machine uses.",
            ) from error

    def _compose(self, *words: str) -> None:
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            command, text = ["docker", "compose", "-f", str(_COMPOSE)], None
        else:  # version 1 knows all of the file but its name
            text = _COMPOSE.read_text(encoding="utf-8").replace("\nname: bmii\n", "\n")
            command = ["docker-compose", "-f", "-"]
        # Paths in the file are seen from its folder.
        self._run("old world", [*command, "--project-name", self.project, *words], _COMPOSE.parent, text)

    def _run(
        self, what: str, command: Sequence[str], folder: Path = PROJECT, stdin: str | None = None
    ) -> None:
        """Run a command with its output in the log. Raises ``RehearsalError``."""
        try:
            with self.log.open("ab") as out:
                code = subprocess.run(
                    command,
                    cwd=folder,
                    env={**os.environ, **self.settings, **_images()},
                    input=None if stdin is None else stdin.encode(),
                    stdin=subprocess.DEVNULL if stdin is None else None,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    check=False,
                ).returncode
        except FileNotFoundError as error:
            raise RehearsalError(
                f"{command[0]} is not installed",
                subject=what,
                remedy="Install Docker with its compose plugin (Debian: docker.io and docker-compose).",
            ) from error
        if code != 0:
            raise not_started(what, f"`{' '.join(command[:3])}` ended with exit code {code}", self.log)


def client() -> Any:
    """Return a client of the engine that the environment names. Raises ``RehearsalError`` without one."""
    import docker  # noqa: PLC0415 - needed by stacks of containers only

    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
        found, said = asked.returncode == 0, asked.stderr.strip()
    except FileNotFoundError:
        found, said = False, "the command docker is not installed"
    if not found:
        raise RehearsalError(
            f"no Docker engine answers: {said}",
            subject=os.environ.get("DOCKER_HOST", "the default socket"),
            remedy="Start one, or set DOCKER_HOST to its address.",
        )
    return docker.from_env(timeout=120)


def _images() -> dict[str, str]:
    return {
        "BMII_IMAGE": _SERVICE_IMAGE,
        "BMII_POSTGRES_IMAGE": POSTGRES_IMAGE,
        "BMII_STORE_IMAGE": _STORE_IMAGE,
    }
