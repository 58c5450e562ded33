"""Docker in the place of the Fargate runner: tasks are containers of a real engine.

It has the interface of ``rehearsal.fargate.Engine``, so that ECS and its patches need not know which of the
two runs a task.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.fargate import Check, PullError, RegistryImages, StartError, parse
from rehearsal.process import LOOPBACK

_SECOND = 1_000_000_000
_SECONDS_TO_STOP = 30
_LONGEST_INTERVAL = 5.0
STACK_LABEL = "bmii.rehearsal"
_STOP_LABEL = "bmii.rehearsal.stop-timeout"


@dataclass(frozen=True)
class Network:
    """The network of a stack's containers; ``gateway`` is this machine's address in it.

    ``stack`` is the stack's folder, which every container of it bears as a label.
    """

    name: str
    gateway: str
    stack: str


@dataclass(frozen=True)
class State:
    """The health of a container, as Docker calls it."""

    state: str


class Container:
    """One container of a task; ``stop_timeout`` is for how many seconds SIGTERM is enough."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    @property
    def stop_timeout(self) -> float:
        """Return what the task definition says."""
        return float(self._made.labels.get(_STOP_LABEL, _SECONDS_TO_STOP))

    @property
    def out_of_memory(self) -> bool:
        """Return whether the kernel ended it because it took more memory than it may."""
        self._made.reload()
        return bool(self._made.attrs["State"].get("OOMKilled"))

    @property
    def health(self) -> State | None:
        """Return the status of its own health check, if it has one."""
        self._made.reload()
        found = self._made.attrs["State"].get("Health")
        return State(found["Status"]) if found and found["Status"] != "none" else None

    def stop(self, timeout: float = _SECONDS_TO_STOP) -> None:
        """Ask it to end, and end it after ``timeout`` seconds."""
        self._made.stop(timeout=int(timeout))


class Engine:
    """Docker's ``client``, as far as ECS uses it. ``port`` is the emulator's, where the registry is."""

    def __init__(self, client: Any, network: Network, *, port: int, injected: Mapping[str, str]) -> None:
        self.images = _Images(client, port)
        self.containers = _Containers(client, network, self.images, injected)


class _Images(RegistryImages):
    def __init__(self, client: Any, port: int) -> None:
        super().__init__(port)
        self._client = client

    def pull(self, image: str, platform: str | None = None, **_: object) -> str:
        """Fetch an image from the account's registry, and return its name there. Raises ``PullError``.

        To an engine the account's registry has this machine's address. A digest is one manifest, which an
        engine runs whatever platform it is for; Fargate does not.
        """
        reference = parse(image, self._port)
        architecture = (platform or f"linux/{self._architecture()}").split("/")[1]
        self._registry.find(reference, architecture)
        mark = "@" if reference.version.startswith("sha256:") else ":"
        name = f"{LOOPBACK}:{self._port}/{reference.repository}{mark}{reference.version}"
        from docker.errors import APIError  # noqa: PLC0415 - the package is not needed without an engine

        try:
            self._client.images.pull(name)
        except APIError as error:
            raise PullError(str(error.explanation or error), subject=image) from error
        return name

    def get(self, image: str) -> Any:
        """Return an image that the engine has."""
        return self._client.images.get(image)

    def _architecture(self) -> str:
        return str(self._client.version()["Arch"])


class _Containers:
    def __init__(self, client: Any, network: Network, images: _Images, injected: Mapping[str, str]) -> None:
        self._client = client
        self._network = network
        self._images = images
        self._injected = dict(injected)

    def run(
        self,
        image: str,
        *,
        name: str,
        environment: Mapping[str, str],
        labels: Mapping[str, str],
        command: Sequence[str] | None = None,
        entrypoint: Sequence[str] | None = None,
        platform: str | None = None,
        mem_limit: int = 0,
        stop_timeout: float = _SECONDS_TO_STOP,
        healthcheck: Check | None = None,
        **_: object,
    ) -> Container:
        """Start a container. Raises ``PullError`` when the image or its program is not there.

        ``mem_limit`` is in bytes, ``stop_timeout`` in seconds.
        """
        from docker.errors import APIError  # noqa: PLC0415

        pulled = self._images.pull(image, platform)
        made = self._client.containers.create(
            pulled,
            list(command) if command else None,
            name=name,
            entrypoint=list(entrypoint) if entrypoint else None,
            environment={**self._injected, **environment},
            labels={**labels, STACK_LABEL: self._network.stack, _STOP_LABEL: str(stop_timeout)},
            network=self._network.name,
            healthcheck=_healthcheck(healthcheck),
            mem_limit=mem_limit or None,
            memswap_limit=mem_limit or None,  # Fargate has no swap
            stop_signal="SIGTERM",
        )
        try:
            made.start()
        except APIError as error:
            made.remove(force=True)
            raise StartError(str(error.explanation or error)) from error
        made.reload()
        return Container(made)

    def get(self, identity: str) -> Any:
        """Return a container; under our own host name, what ECS learns the network from."""
        if identity == os.environ.get("HOSTNAME", ""):
            networks = {self._network.name: {"IPAddress": self._network.gateway}}
            return type("Self", (), {"attrs": {"NetworkSettings": {"Networks": networks}}})
        return Container(self._client.containers.get(identity))

    def list(self, **options: Any) -> list[Any]:
        """Return the containers that the engine has."""
        return list(self._client.containers.list(**options))


def _healthcheck(check: Check | None) -> dict[str, Any] | None:
    """Return a check as Docker takes it: times in nanoseconds, and more often than on Fargate."""
    if check is None:
        return None
    return {
        "test": ["CMD", *check.words],
        "interval": int(min(check.interval, _LONGEST_INTERVAL) * _SECOND),
        "timeout": int(check.timeout * _SECOND),
        "retries": check.retries,
        "start_period": int(check.start_period * _SECOND),
    }
