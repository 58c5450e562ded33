"""The Fargate runner: it runs tasks as processes, and looks to the emulator's ECS like a Docker client.

The emulator drives every task through a handful of docker-py calls. These are they: an image is pulled by
digest from the account's registry, checked and unpacked; its entry point runs as a process with an address of
its own (``awsvpc``: every task may listen on the same port). A CPU limit is not enforced, a memory limit is.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rehearsal.fargate import health, memory
from rehearsal.fargate.command import build
from rehearsal.fargate.registry import Image as Manifest
from rehearsal.fargate.registry import PullError, Reference, RegistryImages, parse, public_python
from rehearsal.fargate.rootfs import unpack
from rehearsal.fargate.task import NETWORK, Container
from rehearsal.process import LOOPBACK

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LAST_HOST = 254


class NotFound(Exception):  # noqa: N818 - docker-py's name
    """There is no such image or container."""


class Engine:
    """Docker's client, as far as ECS uses it.

    ``folder`` holds images, ``logs`` what tasks wrote, ``port`` is the emulator's; ``injected`` is the part
    of a task's environment that the platform gives.
    """

    def __init__(self, folder: Path, logs: Path, *, port: int, injected: Mapping[str, str]) -> None:
        self.images = _Images(folder, port)
        self.containers = _Containers(logs, port, self.images, injected)


class _Image:
    """A pulled image."""

    def __init__(self, manifest: Manifest, rootfs: Path) -> None:
        self.id = manifest.digest
        self.manifest = manifest
        self.rootfs = rootfs

    def tag(self, repository: str, tag: str | None = None) -> bool:  # noqa: ARG002 - docker-py's signature
        """Accept a local tag: there is no local store that would need one."""
        return True


class _Images(RegistryImages):
    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(port)
        self._folder = folder

    def pull(self, image: str, platform: str | None = None, **_: object) -> _Image:
        """Fetch and unpack an image. Raises ``PullError``."""
        if public := public_python(image):
            return _Image(public, unpack(public, "", self._registry, self._folder))
        reference: Reference = parse(image, self._port)
        wanted = (platform or f"linux/{_architecture()}").split("/")[1]
        if wanted != _architecture():
            raise PullError(f"this machine cannot run linux/{wanted}", subject=image)
        manifest = self._registry.find(reference, wanted)
        return _Image(manifest, unpack(manifest, reference.repository, self._registry, self._folder))

    def get(self, image: str) -> _Image:
        """Say that the image is not here: Fargate keeps none from one task to the next."""
        raise NotFound(image)


class _Containers:
    def __init__(self, logs: Path, port: int, images: _Images, injected: Mapping[str, str]) -> None:
        self._logs = logs
        self._images = images
        self._injected = dict(injected)
        self._known: dict[str, Container] = {}
        self._lock = threading.Lock()
        self._next = 0
        # Two stacks on one machine have different ports, hence different addresses.
        self._network = f"127.{port >> 8}.{port & 255}"
        memory.watch(self.list)

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
        stop_timeout: float = 30,
        healthcheck: health.Check | None = None,
        **_: object,
    ) -> Container:
        """Start a container. Raises ``PullError`` when the image or its program is not there.

        ``mem_limit`` is in bytes, ``stop_timeout`` in seconds.
        """
        pulled = self._images.pull(image, platform)
        with self._lock:
            address = self._free_address()
            config = pulled.manifest.config.get("config") or {}
            injected = {
                **self._injected,
                "BIND_HOST": address,
                "HOSTNAME": f"ip-{address.replace('.', '-')}",
            }
            built = build(
                config,
                pulled.rootfs,
                command=command,
                entrypoint=entrypoint,
                environment=environment,
                injected=injected,
            )
            identity = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
            task = labels.get("com.amazonaws.ecs.task-arn", name).rsplit("/", 1)[-1]
            log = self._logs / f"{task}-{name.rsplit('-', 1)[-1]}.log"
            container = Container(
                identity,
                built,
                log,
                address=address,
                labels=labels,
                memory_limit=mem_limit,
                stop_timeout=stop_timeout,
            )
            self._known[identity] = container
        if healthcheck:
            check = build(
                {**config, "Entrypoint": healthcheck.words, "Cmd": None},
                pulled.rootfs,
                command=None,
                environment=environment,
                injected=injected,
            )
            container.health = health.watch(healthcheck, check, lambda: container.status == "running")
        return container

    def get(self, identity: str) -> Any:
        """Return a container; under our own host name, what ECS learns the network from."""
        if identity == os.environ.get("HOSTNAME", ""):
            networks = {NETWORK: {"IPAddress": LOOPBACK}}
            return type("Self", (), {"attrs": {"NetworkSettings": {"Networks": networks}}})
        try:
            return self._known[identity]
        except KeyError:
            raise NotFound(identity) from None

    def list(self, **_: object) -> list[Container]:
        """Return every container that was started."""
        return list(self._known.values())

    def _free_address(self) -> str:
        taken = {one.address for one in self._known.values() if one.status == "running"}
        for _ in range(_LAST_HOST):
            self._next = self._next % _LAST_HOST + 1
            address = f"{self._network}.{self._next}"
            if address not in taken:
                return address
        raise PullError("RESOURCE:ENI: no free address", subject=self._network)


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())
