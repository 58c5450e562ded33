"""The model as it lies in the ``artifacts`` bucket: an index file, and a manifest that names it by digest.

``manifest.json`` is written last and points to an index that is already there, so that a reader never sees
half a model. Its bytes depend on what the model is, and on nothing else.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from bmii.errors import BmiiError, MissingObjectError, ModelError
from bmii.search import VERSIONS, SearchIndex
from bmii.storage import S3StorageProvider

MANIFEST = "manifest.json"
_FORMAT = 1
_log = structlog.stdlib.get_logger("bmii.artifacts")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model is: its version, where its index lies, the digests, and the files it was made from."""

    version: str
    index_key: str
    index_sha256: str
    index_bytes: int
    compounds: int
    ingests: tuple[str, ...]
    made_with: Mapping[str, str]
    format: int = _FORMAT

    def to_json(self) -> bytes:
        """Return the manifest as it is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read a stored manifest. Raises ``ModelError`` if it is not one of ours."""
        try:
            values: dict[str, Any] = json.loads(data)
            manifest = cls(**{**values, "ingests": tuple(values["ingests"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{MANIFEST} is not a manifest that this version can read") from error
        if manifest.format != _FORMAT:
            raise ModelError(f"{MANIFEST} has format {manifest.format}; this version reads {_FORMAT}")
        return manifest


def make_manifest(index: bytes, compounds: int, ingests: Sequence[str]) -> Manifest:
    """Describe ``index``, made of ``ingests`` (each file's SHA-256). The version is the index's digest."""
    digest = hashlib.sha256(index).hexdigest()
    version = digest[:12]
    return Manifest(
        version=version,
        index_key=f"models/{version}/index.h5",
        index_sha256=digest,
        index_bytes=len(index),
        compounds=compounds,
        ingests=tuple(sorted(ingests)),
        made_with=VERSIONS,
    )


def read_manifest(store: S3StorageProvider) -> Manifest | None:
    """Return the current manifest, or None when there is none yet."""
    try:
        return Manifest.from_json(store.get("artifacts", MANIFEST))
    except MissingObjectError:
        return None


def write_manifest(store: S3StorageProvider, manifest: Manifest) -> None:
    """Make ``manifest`` the current one. Its index must be in place."""
    metadata = {"model-version": manifest.version}
    store.put("artifacts", MANIFEST, manifest.to_json(), content_type="application/json", metadata=metadata)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model."""

    version: str
    index: SearchIndex


class ModelHolder:
    """Keeps the current model in memory, in a thread of its own that never gives up.

    Until a model is there it looks often; after that it looks whether there is a newer one. A model that is
    loaded stays in use when the store goes away, or offers one whose digest is wrong.
    """

    SECONDS_WITHOUT = 1.0
    SECONDS_WITH = 30.0

    def __init__(
        self, store: S3StorageProvider, on_change: Callable[[int], None] = lambda _compounds: None
    ) -> None:
        self._store = store
        self._on_change = on_change
        self._model: Model | None = None
        self._problem = "the model is not loaded yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model", daemon=True)

    def start(self) -> None:
        """Begin to look for a model."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; wait a moment for it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def current(self) -> Model:
        """Return the model. Raises ``ModelError`` saying why there is none."""
        if self._model is None:
            raise ModelError(self._problem)
        return self._model

    def refresh(self) -> None:
        """Load the store's model unless it is the one in memory. Raises ``BmiiError`` if it cannot."""
        manifest = read_manifest(self._store)
        if manifest is None:
            raise ModelError(
                f"there is no model: {self._store.bucket('artifacts')}/{MANIFEST} does not exist"
            )
        if self._model and self._model.version == manifest.version:
            return
        data = self._store.get("artifacts", manifest.index_key)
        if hashlib.sha256(data).hexdigest() != manifest.index_sha256:
            raise ModelError(f"the digest of {manifest.index_key} is not the one in the manifest")
        model = Model(manifest.version, SearchIndex(data))
        if dict(manifest.made_with) != VERSIONS:
            _log.warning(
                "model made with other versions", made_with=dict(manifest.made_with), running=VERSIONS
            )
        # Told first: whoever is answered by the new model finds it in the metrics too.
        self._on_change(len(model.index))
        self._model = model
        _log.info("model loaded", version=model.version, compounds=len(model.index))

    def _watch(self) -> None:
        while True:
            problem = ""
            try:
                self.refresh()
            except BmiiError as error:
                problem = error.message
            except Exception:  # noqa: BLE001 - it is logged, and this thread must outlive any defect
                problem = "the model cannot be loaded"
                _log.exception("model not loaded")
            if problem and problem != self._problem:
                _log.warning("model not loaded", reason=problem)
            self._problem = problem
            if self._stop.wait(self.SECONDS_WITH if self._model else self.SECONDS_WITHOUT):
                return
