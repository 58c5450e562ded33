"""The containers of a stack: the source by ``service/compose.yml``, in a network shared with the target."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from rehearsal.docker.engine import STACK_LABEL
from rehearsal.errors import RehearsalError
from rehearsal.process import PROJECT, not_started

POSTGRES_IMAGE = "bmii-rehearsal/postgres"
_PYTHON_IMAGE = "bmii-rehearsal/python"
_STORE_IMAGE = "bmii-rehearsal/store"
_SERVICE_IMAGE = "bmii-rehearsal/bmii"
_COMPOSE = PROJECT / "service" / "compose.yml"
_REFERENCE = "bmii/reference/interactions.csv"
SERVICES = ("postgres", "minio", "bmii")
_DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Containers:
    """A stack's containers, in a network of the range ``subnet``.

    ``settings`` are the variables of the compose file. ``mark`` is the variable by which what was begun for
    the stack is found again.
    """

    stack: Path
    subnet: str
    settings: Mapping[str, str]
    log: Path
    mark: tuple[str, str]

    @property
    def project(self) -> str:
        """Return the name of the network, and of the source's compose project."""
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
            "DOCKER_HOST": address(),
        }

    def states(self) -> dict[str, str]:
        """Return the state of each container of the source, in supervisor's words."""
        states = dict.fromkeys(SERVICES, "STOPPED")
        with contextlib.suppress(RehearsalError), _reported(f"containers of {self.project}"):
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
        """Start the source: database, store, and once they are there the service."""
        self._compose("up", "--detach", "--no-build")

    def ingest(self) -> None:
        """Fill the source with the reference data."""
        self._compose("exec", "-T", "bmii", "python3", "-m", "bmii", "ingest", _REFERENCE)

    def alive(self) -> bool:
        """Return whether the source can still become ready: a step that failed is not retried for ever."""
        with _reported(f"containers of {self.project}"):
            found = client().containers.list(
                all=True, filters={"label": self._of_project}, ignore_removed=True
            )
            codes = [one.attrs["State"]["ExitCode"] for one in found if one.status == "exited"]
        return bool(found) and not any(codes)

    def remove(self) -> bool:
        """Remove every container of the stack, its volumes and its network; return whether there was one."""
        from docker.errors import NotFound  # noqa: PLC0415

        engine, found = client(), 0
        of_stack = ({"label": self._of_project}, {"label": f"{STACK_LABEL}={self.stack}"})
        with _reported(f"containers of {self.project}"):
            for those in of_stack:
                for one in engine.containers.list(all=True, filters=those, ignore_removed=True):
                    found += 1
                    with contextlib.suppress(NotFound):
                        one.remove(force=True, v=True)
            # Not what the containers mount: one that was killed in between has left no container.
            for those in ({"label": self._of_project}, {"name": f"-{self.project}-"}):
                for volume in engine.volumes.list(filters=those):
                    found += 1
                    with contextlib.suppress(NotFound):
                        volume.remove(force=True)
            for those in of_stack:
                for network in engine.networks.list(filters=those):
                    found += 1
                    with contextlib.suppress(NotFound):
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
        self._run(
            "source containers", [*command, "--project-name", self.project, *words], _COMPOSE.parent, text
        )

    def _run(
        self, what: str, command: Sequence[str], folder: Path = PROJECT, stdin: str | None = None
    ) -> None:
        """Run a command with its output in the log. Raises ``RehearsalError``."""
        try:
            with self.log.open("ab") as out:
                code = subprocess.run(
                    command,
                    cwd=folder,
                    env={**os.environ, **self.settings, **_images(), **dict([self.mark])},
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


def address() -> str:
    """Return where the engine is: as the environment or Docker's current context says."""
    if given := os.environ.get("DOCKER_HOST", ""):
        return given
    with contextlib.suppress(FileNotFoundError):
        command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    return _DEFAULT


@contextlib.contextmanager
def _reported(subject: str) -> Iterator[None]:
    """Raise what the engine refuses as ``RehearsalError``."""
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        yield
    except DockerException as error:
        said = getattr(error, "explanation", None) or str(error)
        raise RehearsalError(
            f"the engine refuses: {said}", subject=subject, remedy="Fix that and run the same command again."
        ) from error


def client() -> Any:
    """Return a client of this machine's engine. Raises ``RehearsalError`` without one."""
    import docker  # noqa: PLC0415 - needed by stacks of containers only

    where = address()
    if not where.startswith("unix://"):
        raise RehearsalError(
            "a rehearsal runs on an engine of this machine alone",
            subject=f"Docker engine {where}",
            remedy="Unset DOCKER_HOST, or choose a context of this machine (`docker context use default`).",
        )
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
        found, said = asked.returncode == 0, asked.stderr.strip()
    except FileNotFoundError:
        found, said = False, "the command docker is not installed"
    if not found:
        raise RehearsalError(
            f"no Docker engine answers: {said}",
            subject=where,
            remedy="Start one, or set DOCKER_HOST to its address.",
        )
    return docker.DockerClient(base_url=where, timeout=120)


def _images() -> dict[str, str]:
    return {
        "BMII_IMAGE": _SERVICE_IMAGE,
        "BMII_POSTGRES_IMAGE": POSTGRES_IMAGE,
        "BMII_STORE_IMAGE": _STORE_IMAGE,
    }
