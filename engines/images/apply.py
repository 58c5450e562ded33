"""Publish the image of a recipe: read the repository first, build and push only what is missing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engines.errors import ConfigurationError
from engines.events import emit
from engines.images.build import Fetch, build
from engines.images.cache import Cache, ImageFolder
from engines.images.ecr import Repository
from engines.images.errors import RegistryError, RepositoryMissingError
from engines.images.model import SOURCE_LABEL, Descriptor, Manifest
from engines.images.progress import PushProgress
from engines.images.recipe import Recipe
from engines.images.registry import Registry
from engines.images.results import Published, PushedLayer
from engines.images.wheels import fetch as fetch_wheels

_PARALLEL = 3
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class State:
    """What the repository holds: the image of the sources, if any, and the tags that do not name it yet."""

    found: tuple[str, bytes] | None
    tags: tuple[str, ...]


def source_tag(source_digest: str) -> str:
    """Return the tag that marks the image of ``source_digest``.

    So another machine finds the image without building it, and a rule that expires untagged images leaves it.
    """
    return f"source-{source_digest.removeprefix('sha256:')[:32]}"


def publish(
    recipe: Recipe,
    repository: Repository | None,
    cache: Cache,
    *,
    tags: Sequence[str] = (),
    check: bool = False,
    fetch: Fetch = fetch_wheels,
) -> Published:
    """Build ``recipe``'s image unless it is there, and push it by digest under ``tags`` and its source tag.

    With ``check`` nothing is written anywhere; only then may ``repository`` be ``None`` (not created yet).
    Raises ``EngineError``: the manifest goes last, so a failed run leaves no image behind.
    """
    begun = time.monotonic()
    _validate(tags)
    if repository is None and not check:
        raise ConfigurationError("is empty", subject="repository_url", remedy="Run the provision phase.")
    registry = repository.registry() if repository else None
    marks = (*tags, source_tag(recipe.source_digest))
    state = look(registry, recipe.source_digest, marks, check=check)
    image, built = _obtain(recipe, cache, fetch, state, check=check)
    digest, content = state.found or ((image.digest, image.content) if image else ("", b""))
    sent: set[str] = set()
    if repository and registry and state.tags and not check:
        _refuse_immutable(repository, registry, state.tags, digest)
        sent = push(registry, digest, content, state.tags, image)
    layers = Manifest.read(content).layers if content else ()
    return Published(
        changed=bool(state.tags),
        image=f"{repository.url}@{digest}" if repository and digest else "",
        digest=digest,
        source_digest=recipe.source_digest,
        tags=marks,
        tags_set=state.tags,
        layers=tuple(PushedLayer(blob.digest, blob.size, blob.digest in sent) for blob in layers),
        pushed_bytes=sum(blob.size for blob in layers if blob.digest in sent),
        built=built,
        seconds=round(time.monotonic() - begun, 3),
    )


def _obtain(
    recipe: Recipe, cache: Cache, fetch: Fetch, state: State, *, check: bool
) -> tuple[ImageFolder | None, bool]:
    """Return the image to push, if one is to be pushed, and whether it was (in check: would be) built."""
    if state.found:
        return None, False
    if check:
        image = cache.image(recipe.source_digest)
        return image, image is None
    return build(recipe, cache, fetch)


def look(
    registry: Registry | None, source_digest: str, marks: Sequence[str], *, check: bool = False
) -> State:
    """Return what the repository holds of ``source_digest``; the last of ``marks`` is its source tag.

    In ``check``, a repository that is not there yet holds nothing.
    """
    nothing = State(None, tuple(marks))
    if registry is None:
        return nothing
    try:
        found = registry.manifest(marks[-1])
        if found is None or not _is_made_from(registry, Manifest.read(found[1]), source_digest):
            return nothing
        return State(found, tuple(mark for mark in marks[:-1] if registry.resolve(mark) != found[0]))
    except RepositoryMissingError:
        if not check:
            raise
        return nothing


def _is_made_from(registry: Registry, manifest: Manifest, source_digest: str) -> bool:
    """Believe the image's own label, because anyone who may push may set a tag."""
    config = json.loads(registry.read(manifest.config.digest)).get("config", {})
    return bool((config.get("Labels") or {}).get(SOURCE_LABEL) == source_digest)


def push(
    registry: Registry, digest: str, content: bytes, tags: Sequence[str], image: ImageFolder | None
) -> set[str]:
    """Send what the registry lacks of ``image`` (``None``: all is there), then the manifest under each tag.

    The tag of the sources comes last: it says that the push is complete. Returns the digests that were sent.
    """
    manifest = Manifest.read(content)
    sent: set[str] = set()
    progress = PushProgress()
    if image is not None:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            work = {
                pool.submit(_push_blob, registry, image, blob, progress): blob for blob in _blobs(manifest)
            }
            try:
                sent = {blob.digest for done, blob in work.items() if done.result()}
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    for tag in tags:
        registry.put_manifest(tag, content, manifest.media_type)
    if registry.resolve(digest) != digest:
        raise RegistryError(
            "is not there after the push", subject=digest, remedy="Run the same command again."
        )
    return sent


def _blobs(manifest: Manifest) -> list[Descriptor]:
    """Return each blob once, the largest first, so that no large one is left to the end."""
    unique = {blob.digest: blob for blob in (manifest.config, *manifest.layers)}
    return sorted(unique.values(), key=lambda blob: blob.size, reverse=True)


def _push_blob(registry: Registry, image: ImageFolder, blob: Descriptor, progress: PushProgress) -> bool:
    if registry.has(blob):
        return False
    progress.begin(blob.size)
    registry.upload(blob, image.blob(blob.digest), progress.add)
    emit("image.blob", digest=blob.digest, bytes=blob.size)
    return True


def _refuse_immutable(repository: Repository, registry: Registry, tags: Sequence[str], digest: str) -> None:
    """Refuse, before anything is sent, to move a tag that the repository holds in place."""
    taken = [tag for tag in tags if registry.resolve(tag) not in {None, digest}]
    if taken and repository.refuses_to_move_tags():
        raise RegistryError(
            f"tag {taken[0]} names another image, and the repository does not let tags move",
            subject=f"repository {repository.name}",
            remedy="Raise the version, or drop the tag from container_tags.",
            code="TAG_INVALID",
        )


def _validate(tags: Sequence[str]) -> None:
    for tag in tags:
        if tag == "latest" or tag.startswith("source-") or not _TAG.fullmatch(tag):
            raise ConfigurationError(
                f"{tag!r} is not a tag for an image",
                subject="tags",
                remedy="Use a version such as 1.4.0; latest says nothing, and source-… is set by itself.",
            )
