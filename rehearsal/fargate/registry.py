"""What an engine asks of a registry: manifest, configuration and layers, each checked by digest."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK

_MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ECR_HOST = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
# The one image of a public registry that the rehearsal has: Python, which is this machine's.
_PUBLIC_PYTHON = re.compile(r"^public\.ecr\.aws/docker/library/python@(sha256:[0-9a-f]{64})$")
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_CHUNK = 1 << 20


class PullError(RehearsalError):
    """An image could not be pulled."""


class StartError(PullError):
    """An image is there, and nothing in it could be started."""

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what, subject="CannotStartContainerError", remedy=remedy)


@dataclass(frozen=True)
class Reference:
    """The name of an image: its repository, and a digest or tag in it."""

    repository: str
    version: str


@dataclass(frozen=True)
class Image:
    """An image that was found: ``digest`` is its manifest's; ``layers`` are descriptors, lowest first."""

    digest: str
    config: dict[str, Any]
    layers: tuple[dict[str, Any], ...]


def public_python(image: str) -> Image | None:
    """Return the public image of Python that ``image`` names, by digest; it has no file of its own."""
    match = _PUBLIC_PYTHON.match(image)
    return Image(match[1], {"config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}}, ()) if match else None


def parse(image: str, registry_port: int) -> Reference:
    """Split the name of an image. Raises ``PullError`` for a registry other than the account's own ECR."""
    name, _, digest = image.partition("@")
    host, _, path = name.partition("/")
    ours = _ECR_HOST.match(host) or host in {f"localhost:{registry_port}", f"{LOOPBACK}:{registry_port}"}
    if not ours or not path:
        raise PullError(
            "pull access denied, repository does not exist: the rehearsal has the account's own ECR alone",
            subject=image,
        )
    repository, _, tag = path.partition(":")
    if digest and not _DIGEST.match(digest):
        raise PullError("invalid reference format", subject=image)
    return Reference(repository, digest or tag or "latest")


@dataclass(frozen=True)
class Registry:
    """The registry of the emulated account, on ``port`` of loopback."""

    port: int

    def digest(self, reference: Reference) -> str:
        """Return the digest of the manifest that ``reference`` names."""
        body = self._manifest(reference)
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def find(self, reference: Reference, architecture: str) -> Image:
        """Return the image for Linux on ``architecture`` (``amd64``, ``arm64``)."""
        body = self._manifest(reference)
        manifest = json.loads(body)
        if "manifests" in manifest:
            fitting = [entry["digest"] for entry in manifest["manifests"] if _fits(entry, architecture)]
            if not fitting:
                raise _wrong_platform(reference, architecture)
            body = self._manifest(Reference(reference.repository, fitting[0]))
            manifest = json.loads(body)
        config = json.loads(self._blob(reference.repository, manifest["config"]["digest"]))
        if config.get("os", "linux") != "linux" or config.get("architecture", architecture) != architecture:
            raise _wrong_platform(reference, architecture)
        return Image(f"sha256:{hashlib.sha256(body).hexdigest()}", config, tuple(manifest["layers"]))

    def download(self, repository: str, digest: str, target: Path) -> None:
        """Write a blob to ``target``, whose content is then what ``digest`` says."""
        seen = hashlib.sha256()
        connection, response = self._get(f"/v2/{repository}/blobs/{digest}")
        try:
            with target.open("wb") as file:
                while chunk := response.read(_CHUNK):
                    seen.update(chunk)
                    file.write(chunk)
        finally:
            connection.close()
        _check(digest, seen.hexdigest(), repository)

    def _manifest(self, reference: Reference) -> bytes:
        path = f"/v2/{reference.repository}/manifests/{reference.version}"
        body = self._read(path, {"Accept": ", ".join(_MANIFEST_TYPES)})
        if reference.version.startswith("sha256:"):
            _check(reference.version, hashlib.sha256(body).hexdigest(), reference.repository)
        return body

    def _blob(self, repository: str, digest: str) -> bytes:
        body = self._read(f"/v2/{repository}/blobs/{digest}", {})
        _check(digest, hashlib.sha256(body).hexdigest(), repository)
        return body

    def _read(self, path: str, headers: dict[str, str]) -> bytes:
        connection, response = self._get(path, headers)
        try:
            return response.read()
        finally:
            connection.close()

    def _get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        if response.status != HTTPStatus.OK:
            connection.close()
            missing = response.status == HTTPStatus.NOT_FOUND
            raise PullError("not found" if missing else f"registry answered {response.status}", subject=path)
        return connection, response


class RegistryImages:
    """What every engine's ``images`` answers from the registry alone, as docker-py does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._registry = Registry(port)

    def get_registry_data(self, image: str, **_: object) -> Any:
        """Return an object whose ``id`` is the digest that ``image`` stands for."""
        public = public_python(image)
        digest = public.digest if public else self._registry.digest(parse(image, self._port))
        return type("RegistryData", (), {"id": digest})


def _fits(entry: dict[str, Any], architecture: str) -> bool:
    platform = entry.get("platform", {})
    return bool(platform.get("os") == "linux" and platform.get("architecture") == architecture)


def _wrong_platform(reference: Reference, architecture: str) -> PullError:
    return PullError(
        f"image Manifest does not contain descriptor matching platform 'linux/{architecture}'",
        subject=f"{reference.repository}@{reference.version}",
    )


def _check(expected: str, seen: str, subject: str) -> None:
    if expected != f"sha256:{seen}":
        raise PullError(f"content does not match its digest {expected}", subject=subject)
