"""Build an image in the local cache: layers of pinned wheels, then the application as the last layer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from engines.errors import ConfigurationError
from engines.events import emit
from engines.images import layers, wheels
from engines.images.cache import Cache, ImageFolder, blob_path
from engines.images.model import (
    CONFIG_TYPE,
    SOURCE_LABEL,
    Descriptor,
    ImageConfig,
    Layer,
    Manifest,
    digest_of,
)
from engines.images.recipe import SITE_PACKAGES, WORKING_DIRECTORY, Recipe

_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER = "65532:65532"  # "nonroot" of distroless images; any number but 0 does

Fetch = Callable[[Recipe, Path], None]


def build(recipe: Recipe, cache: Cache, fetch: Fetch = wheels.fetch) -> tuple[ImageFolder, bool]:
    """Return the image of ``recipe``, and whether it had to be built.

    ``fetch`` unpacks the wheels of a recipe into a folder. Raises ``ImageError`` or ``ConfigurationError``;
    the cache then holds what was finished, and nothing half-made.
    """
    if not recipe.entrypoint:
        raise ConfigurationError(
            "is empty, and nothing else says what the image runs",
            subject="entrypoint",
            remedy="Write the words of the command that starts the service, such as [python3, -m, shop].",
        )
    with cache.locked():
        if (known := cache.image(recipe.source_digest)) is not None:
            return known, False
        wheels_folder, wheel_layers = _wheels(recipe, cache, fetch)
        with cache.scratch() as folder:
            blobs = _blobs(folder)
            for layer in wheel_layers:
                _link(blob_path(wheels_folder, layer.descriptor.digest), blobs)
            application = layers.pack(recipe.files, blobs, recipe.compression, "application")
            emit("image.layer", title=application.title, bytes=application.descriptor.size)
            manifest = _describe(recipe, (*wheel_layers, application), blobs)
            return cache.keep_image(recipe.source_digest, folder, manifest), True


def _wheels(recipe: Recipe, cache: Cache, fetch: Fetch) -> tuple[Path, tuple[Layer, ...]]:
    if (known := cache.wheels(recipe.wheels_digest)) is not None:
        return known
    with cache.scratch() as unpacked, cache.scratch() as folder:
        fetch(recipe, unpacked)
        blobs = _blobs(folder)
        packed: list[Layer] = []
        for layer in wheels.layers(unpacked):
            packed.append(layers.pack(layer.entries, blobs, recipe.compression, layer.title))
            emit("image.layer", title=layer.title, bytes=packed[-1].descriptor.size)
        return cache.keep_wheels(recipe.wheels_digest, folder, tuple(packed)), tuple(packed)


def _describe(recipe: Recipe, image_layers: tuple[Layer, ...], blobs: Path) -> Manifest:
    """Write the config, and return the manifest that names it and ``image_layers``."""
    config = ImageConfig(
        platform=recipe.platform,
        entrypoint=recipe.entrypoint,
        environment=(
            ("PATH", _PATH),
            ("PYTHONPATH", f"{SITE_PACKAGES}:{WORKING_DIRECTORY}"),
            ("PYTHONUNBUFFERED", "1"),
            ("PYTHON_VERSION", recipe.python_version),
        ),
        labels={**recipe.labels, SOURCE_LABEL: recipe.source_digest},
        working_directory=WORKING_DIRECTORY,
        user=_USER,
        ports=(),
        created=recipe.created,
    ).content(image_layers)
    descriptor = Descriptor(CONFIG_TYPE, digest_of(config), len(config))
    (blobs / descriptor.digest.removeprefix("sha256:")).write_bytes(config)
    return Manifest(descriptor, tuple(layer.descriptor for layer in image_layers))


def _blobs(folder: Path) -> Path:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    return blobs


def _link(blob: Path, folder: Path) -> None:
    try:
        os.link(blob, folder / blob.name)
    except OSError:  # a file system without hard links
        shutil.copyfile(blob, folder / blob.name)
