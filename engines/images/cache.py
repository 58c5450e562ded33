"""The local cache: finished images and finished layers of wheels, each under the digest of its inputs.

An entry is written in a folder of its own and renamed when it is whole; what a killed run left behind is
swept by the next one. An image is a standard OCI layout, so that other tools can read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engines.errors import ConfigurationError
from engines.images.errors import ImageError
from engines.images.model import INDEX_TYPE, Descriptor, Layer, Manifest, canonical, digest_of

_KEPT = 5


class Cache:
    """The cache in ``root``, a folder of this user's; it is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the cache, waiting for another build, and remove what a killed one has left."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"cannot be written: {error.strerror}", subject=str(self.root), remedy="Set cache_dir."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # the kernel releases it when its owner dies
            for name in (self.root / "unfinished").glob("*"):
                shutil.rmtree(name)
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder on the cache's file system that is gone afterwards. Call it under ``locked``."""
        parent = self.root / "unfinished"
        parent.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def image(self, source_digest: str) -> ImageFolder | None:
        """Return the finished image of ``source_digest``; ``None`` if there is none, or a damaged one."""
        found = ImageFolder(self._entry("images", source_digest))
        return found if found.is_whole() else None

    def wheels(self, wheels_digest: str) -> tuple[Path, tuple[Layer, ...]] | None:
        """Return the folder and the layers (lowest first) of the wheels of ``wheels_digest``, or ``None``."""
        folder = self._entry("wheels", wheels_digest)
        try:
            rows = json.loads((folder / "layers.json").read_bytes())
        except (OSError, ValueError):
            return None
        layers = tuple(Layer(Descriptor.read(row), row["diffId"], row["title"]) for row in rows)
        return (folder, layers) if all(_holds(folder, layer.descriptor) for layer in layers) else None

    def keep_wheels(self, wheels_digest: str, folder: Path, layers: tuple[Layer, ...]) -> Path:
        """Finish ``folder``, which holds the blobs of ``layers``, as the entry of ``wheels_digest``."""
        rows = [
            {**layer.descriptor.document(), "diffId": layer.diff_id, "title": layer.title} for layer in layers
        ]
        (folder / "layers.json").write_bytes(canonical(rows))
        return self._keep("wheels", wheels_digest, folder)

    def keep_image(self, source_digest: str, folder: Path, manifest: Manifest) -> ImageFolder:
        """Finish ``folder``, which holds the config and the layers, as the image of ``source_digest``."""
        content = manifest.content()
        blob_path(folder, digest_of(content)).write_bytes(content)
        descriptor = Descriptor(manifest.media_type, digest_of(content), len(content))
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor.document()]}
        (folder / "oci-layout").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))
        (folder / "index.json").write_bytes(canonical(index))
        return ImageFolder(self._keep("images", source_digest, folder))

    def _entry(self, kind: str, digest: str) -> Path:
        return self.root / kind / digest.removeprefix("sha256:")

    def _keep(self, kind: str, digest: str, folder: Path) -> Path:
        entry = self._entry(kind, digest)
        entry.parent.mkdir(exist_ok=True)
        if entry.exists():  # a damaged one: a whole one would have been used
            shutil.rmtree(entry)
        folder.rename(entry)
        by_age = sorted(entry.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for old in by_age[_KEPT:]:
            shutil.rmtree(old)
        return entry


class ImageFolder:
    """A finished image: an OCI layout with one manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def digest(self) -> str:
        """The image's digest."""
        index = json.loads((self.folder / "index.json").read_bytes())
        return str(index["manifests"][0]["digest"])

    @property
    def content(self) -> bytes:
        """The manifest's bytes; raises ``ImageError`` if they are not the ones of its digest."""
        content = self.blob(self.digest).read_bytes()
        if digest_of(content) != self.digest:
            raise ImageError(
                "is damaged", subject=str(self.folder), remedy="Delete it and run the same command."
            )
        return content

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return Manifest.read(self.content)

    def blob(self, digest: str) -> Path:
        """Return the file that holds ``digest``."""
        return blob_path(self.folder, digest)

    def is_whole(self) -> bool:
        """Return whether every blob is there at its full size (the registry checks their digests)."""
        try:
            manifest = self.manifest
        except (OSError, ValueError, LookupError, ImageError):
            return False
        return all(_holds(self.folder, blob) for blob in (manifest.config, *manifest.layers))


def blob_path(folder: Path, digest: str) -> Path:
    """Return where ``digest`` lies in an OCI layout."""
    return folder / "blobs" / digest.replace(":", "/", 1)


def _holds(folder: Path, blob: Descriptor) -> bool:
    try:
        return blob_path(folder, blob.digest).stat().st_size == blob.size
    except OSError:
        return False
