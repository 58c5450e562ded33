"""What an image is made from, and the one digest that says whether any of it changed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from engines.errors import ConfigurationError
from engines.images.layers import Entry, writer
from engines.images.model import EPOCH, LAYER_TYPES, Platform, canonical, digest_of

# Raise it when the same sources would give another image: all are then built anew.
BUILDER_VERSION = 2
WORKING_DIRECTORY = "/app"
SITE_PACKAGES = "/app/site-packages"
_LEFT_OUT = frozenset({"__pycache__", ".git", ".DS_Store"})


@dataclass(frozen=True)
class Package:
    """A file or folder of the application, and where it goes in the image (an absolute path)."""

    source: Path
    destination: str


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an image's bytes.

    ``requirements`` is a lock with hashes, ``python_version`` is ``X.Y``. ``compression`` is ``zstd``, which
    ECR and Fargate take, and whose library is pinned with ours, so that its bytes are the same everywhere; or
    ``gzip``, for what is older, whose bytes depend on the system's zlib. Construction raises
    ``ConfigurationError`` for what cannot be built; ``files`` does when it is first read.
    """

    packages: tuple[Package, ...]
    requirements: Path
    python_version: str
    platform: Platform
    labels: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    compression: str = "zstd"
    base: str = ""

    def __post_init__(self) -> None:
        if self.base:
            raise ConfigurationError(
                "an image on top of a base image is not built without a daemon yet",
                subject="base",
                remedy="Leave it empty, or use the docker builder.",
            )
        if not re.fullmatch(r"3\.\d{1,2}", self.python_version):
            raise ConfigurationError(
                f"{self.python_version!r} is not a Python version",
                subject="python_version",
                remedy="Use X.Y.",
            )
        if self.compression not in LAYER_TYPES:
            raise ConfigurationError(
                f"{self.compression!r} is unknown", subject="compression", remedy="Use gzip or zstd."
            )
        if not self.requirements.is_file():
            raise ConfigurationError(
                "does not exist", subject=str(self.requirements), remedy="Set requirements to a hashed lock."
            )

    @cached_property
    def files(self) -> tuple[Entry, ...]:
        """The application's files by their path in the image; read once, so that digest and layer agree."""
        found: dict[str, Entry] = {}
        for package in self.packages:
            for entry in _entries(package):
                if entry.path in found:
                    raise ConfigurationError(
                        "is given twice", subject=f"/{entry.path}", remedy="Give packages paths of their own."
                    )
                found[entry.path] = entry
        return tuple(found[path] for path in sorted(found))

    @cached_property
    def created(self) -> str:
        """The moment the image bears: its label's, because the clock would make each build another image."""
        return self.labels.get("org.opencontainers.image.created", EPOCH)

    @cached_property
    def wheels_digest(self) -> str:
        """The digest of what the layers of wheels are made from."""
        return digest_of(canonical(self._wheels()))

    @cached_property
    def source_digest(self) -> str:
        """The digest of everything the image is made from."""
        application = [
            [entry.path, entry.executable, hashlib.sha256(entry.read()).hexdigest()] for entry in self.files
        ]
        document = {
            **self._wheels(),
            "application": application,
            "entrypoint": list(self.entrypoint),
            "labels": dict(self.labels),
        }
        return digest_of(canonical(document))

    def _wheels(self) -> dict[str, object]:
        return {
            "builder": BUILDER_VERSION,
            "writer": writer(self.compression),
            "platform": f"{self.platform.os}/{self.platform.architecture}",
            "python": self.python_version,
            "requirements": digest_of(self.requirements.read_bytes()),
        }


def _entries(package: Package) -> Iterator[Entry]:
    destination = PurePosixPath(package.destination)
    if not destination.is_absolute() or ".." in destination.parts or len(destination.parts) == 1:
        raise ConfigurationError(
            "is not an absolute path in the image", subject=package.destination, remedy="Use /app/name."
        )
    if not package.source.exists():
        raise ConfigurationError(
            "does not exist", subject=str(package.source), remedy="Set packages to the application's folders."
        )
    root = destination.relative_to("/")
    if package.source.is_file():
        yield _entry(package.source, str(root))
        return
    for folder, folders, names in os.walk(package.source):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        inside = root / Path(folder).relative_to(package.source).as_posix()
        for name in [*names, *(name for name in folders if Path(folder, name).is_symlink())]:
            if name not in _LEFT_OUT and not name.endswith(".pyc"):
                yield _entry(Path(folder, name), str(inside / name))


def _entry(source: Path, path: str) -> Entry:
    status = source.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(
            "is not a regular file, and would not be the same on every machine",
            subject=str(source),
            remedy="Replace it by the file itself, or leave its folder out of packages.",
        )
    return Entry(path, source.read_bytes(), executable=bool(status.st_mode & stat.S_IXUSR))
