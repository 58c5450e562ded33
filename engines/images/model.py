"""What an image is, as data: the OCI documents, written so that equal content has equal bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.errors import ConfigurationError
from engines.images.errors import ImageError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPES = {
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
# Names, inside the image, the digest of everything that it was built from.
SOURCE_LABEL = "bmii.migrate.source-digest"
EPOCH = "1970-01-01T00:00:00Z"


def digest_of(content: bytes) -> str:
    """Return the OCI digest of ``content``: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical(document: object) -> bytes:
    """Return ``document`` as JSON of which there is one spelling only."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Platform:
    """Where an image runs, in OCI's words."""

    os: str
    architecture: str

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/amd64`` or ``linux/arm64``; raises ``ConfigurationError`` for any other."""
        system, _, architecture = text.partition("/")
        if system != "linux" or architecture not in {"amd64", "arm64"}:
            raise ConfigurationError(
                f"{text!r} is not a platform that images are built for",
                subject="platform",
                remedy="Use linux/amd64 or linux/arm64.",
            )
        return cls(system, architecture)


@dataclass(frozen=True)
class Descriptor:
    """A blob by content: its digest, its size in bytes and what it is."""

    media_type: str
    digest: str
    size: int

    def document(self) -> dict[str, Any]:
        """Return the OCI descriptor."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Descriptor:
        """Read an OCI descriptor."""
        return cls(str(document["mediaType"]), str(document["digest"]), int(document["size"]))


@dataclass(frozen=True)
class Layer:
    """A compressed tar, and the digest of the tar before compression (OCI's ``diff_id``)."""

    descriptor: Descriptor
    diff_id: str
    title: str


@dataclass(frozen=True)
class ImageConfig:
    """How the image is run. ``environment`` is in the order in which it is written."""

    platform: Platform
    entrypoint: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    labels: Mapping[str, str]
    working_directory: str
    user: str
    ports: tuple[int, ...]
    created: str = EPOCH

    def content(self, layers: tuple[Layer, ...]) -> bytes:
        """Return the OCI image config for ``layers``, lowest first."""
        document = {
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "created": self.created,
            "config": {
                "Entrypoint": list(self.entrypoint),
                "Env": [f"{name}={value}" for name, value in self.environment],
                "ExposedPorts": {f"{port}/tcp": {} for port in self.ports},
                "Labels": dict(self.labels),
                "User": self.user,
                "WorkingDir": self.working_directory,
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": self.created, "created_by": layer.title} for layer in layers],
        }
        return canonical(document)


@dataclass(frozen=True)
class Manifest:
    """An image: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = MANIFEST_TYPE
    annotations: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the OCI manifest; its digest is the image's."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": self.config.document(),
            "layers": [layer.document() for layer in self.layers],
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return canonical(document)

    @classmethod
    def read(cls, content: bytes) -> Manifest:
        """Read a manifest of one image (OCI or Docker); raises ``ImageError`` for a list of images."""
        document = json.loads(content)
        if "config" not in document:
            raise ImageError(
                "is a list of images, not an image",
                subject="manifest",
                remedy="Name the image of one platform by its digest.",
            )
        return cls(
            config=Descriptor.read(document["config"]),
            layers=tuple(Descriptor.read(layer) for layer in document["layers"]),
            media_type=str(document.get("mediaType", MANIFEST_TYPE)),
            annotations=document.get("annotations", {}),
        )
