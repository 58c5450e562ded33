"""The proof of each object that was copied, on disk: it makes a re-run cheap and a later check possible.

A manifest is zstd-compressed JSON lines: a header (format, source, target), one array per object sorted by
key, and a last line with their number and the SHA-256 of all lines before it. While a mirror runs, a
journal (each proof, appended as soon as the object is proven) and a lock are in the same folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from engines.objects.errors import ManifestError
from engines.objects.s3 import Entry, same_time

FORMAT = "bmii-objects/2"
_AWAY = "Move the file away: every object will then be read on both sides and compared again."
_READ = 1 << 20
# Lines that are compressed and hashed together.
_LINES = 500
_WIDTH = 8
_DAMAGE = (zstandard.ZstdError, ValueError, KeyError, TypeError, RecursionError)

_dumps = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


class Record(NamedTuple):
    """The proof of one object: its digest, and how each side listed it (``Entry``) when it was proven.

    ``target_modified`` is empty until the target was listed again. ``attributes`` are those written with
    the body: ``headers``, ``metadata``, ``tags``.
    """

    key: str
    size: int
    sha256: str
    source_etag: str
    source_modified: str
    target_etag: str
    target_modified: str = ""
    attributes: Mapping[str, Mapping[str, str]] = {}

    def source_is(self, entry: Entry) -> bool:
        """Return whether the source still lists the object as it was recorded."""
        return (
            self.source_etag == entry.etag
            and self.size == entry.size
            and (self.source_modified == entry.modified or same_time(self.source_modified, entry.modified))
        )

    def target_is(self, entry: Entry) -> bool:
        """Return whether the target still lists the object as it was recorded."""
        return (
            self.target_etag == entry.etag
            and self.size == entry.size
            and (
                self.target_modified in {"", entry.modified}
                or same_time(self.target_modified, entry.modified)
            )
        )

    def seen(self, modified: str) -> Record:
        """Return the record with the time at which the target lists its object as changed."""
        return self if modified == self.target_modified else self._replace(target_modified=modified)


@dataclass(frozen=True)
class Summary:
    """A written manifest: its file, the digest of its content, and how many objects it proves."""

    path: Path
    sha256: str
    objects: int


class Manifest:
    """A manifest that is read. ``summary`` is known, and its digest has been checked, once it was iterated.

    ``source`` and ``target`` are the names of the endpoints it must be about; empty means any. Iterating
    yields its records in order, nothing if there is no file, and raises ``ManifestError`` if it is about
    others, or damaged (which shows at its end at the latest).
    """

    def __init__(self, path: Path, source: str = "", target: str = "") -> None:
        self.path, self.source, self.target = path, source, target
        self.summary: Summary | None = None

    def __iter__(self) -> Iterator[Record]:
        if not self.path.exists():
            return
        digest, objects = hashlib.sha256(), 0
        last: Any = None
        header: Any = None
        try:
            for block in _blocks(self.path):
                if last is not None:
                    raise ValueError
                if header is None:
                    first, _, block = block.partition(b"\n")  # noqa: PLW2901 - the rest of it
                    header = json.loads(first)
                    self._check(header)
                    digest.update(first + b"\n")
                # Only the last line is an object, and it is the last of the last block.
                start = block.rfind(b"\n{") + 1 if not block.startswith(b"{") else 0
                if start or block.startswith(b"{"):
                    last, block = json.loads(block[start:]), block[:start]  # noqa: PLW2901 - what is before
                digest.update(block)
                rows = json.loads(b"[" + block.rstrip(b"\n").replace(b"\n", b",") + b"]")
                objects += len(rows)
                for row in rows:
                    if len(row) != _WIDTH:
                        raise ValueError
                    yield Record._make(row)
            found = (last["objects"], last["sha256"])
        except _DAMAGE as error:
            raise ManifestError("is damaged", subject=str(self.path), remedy=_AWAY) from error
        if found != (objects, digest.hexdigest()):
            raise ManifestError("is damaged or incomplete", subject=str(self.path), remedy=_AWAY)
        self.summary = Summary(self.path, digest.hexdigest(), objects)

    def _check(self, header: Mapping[str, Any]) -> None:
        if header["format"] != FORMAT:
            raise ManifestError(
                f"has the unknown format {header['format']}", subject=str(self.path), remedy=_AWAY
            )
        if what := misses(header, self.source, self.target):
            raise ManifestError(
                what, subject=str(self.path), remedy="s3_mirror sets it aside and writes one about these."
            )


def misses(about: Mapping[str, Any], source: str, target: str) -> str:
    """Return what other endpoint a manifest or journal is ``about``; nothing if it is about these."""
    for side, name in (("source", source), ("target", target)):
        if name and about[side] != name:
            return f"is about the {side} {about[side]}, not {name}"
    return ""


def read_header(path: Path) -> dict[str, Any] | None:
    """Return the first line of a manifest, None if there is no manifest. Raises ``ManifestError``."""
    if not path.exists():
        return None
    try:
        header = json.loads(next(_blocks(path)).partition(b"\n")[0])
        return {name: header[name] for name in ("format", "source", "target")}
    except (*_DAMAGE, StopIteration) as error:
        raise ManifestError("is damaged", subject=str(path), remedy=_AWAY) from error


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the content in pieces of whole lines."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
        rest = b""
        while piece := packed.read(_READ):
            whole, end, tail = piece.rpartition(b"\n")
            if end:
                yield rest + whole + end
                rest = tail
            else:
                rest += piece
        if rest:
            yield rest


def write(path: Path, source: str, target: str, records: Iterable[Record]) -> Summary:
    """Write a manifest of ``records`` (ordered by key) in one step: a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.part")
    digest, objects = hashlib.sha256(), 0
    with temporary.open("wb") as file:
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
            lines = [_dumps({"format": FORMAT, "source": source, "target": target})]
            for objects, record in enumerate(records, start=1):  # noqa: B007 - the number of the last is the count
                lines.append(_dumps(record))
                if len(lines) == _LINES:
                    _put(packed, digest, lines)
                    lines = []
            if lines:
                _put(packed, digest, lines)
            packed.write(_dumps({"objects": objects, "sha256": digest.hexdigest()}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return Summary(path, digest.hexdigest(), objects)


def _put(packed: Any, digest: Any, lines: list[str]) -> None:
    block = ("\n".join(lines) + "\n").encode()
    packed.write(block)
    digest.update(block)


def read_summary(path: Path) -> Summary | None:
    """Return the summary of a manifest, or None if there is none. Raises ``ManifestError``."""
    if not path.exists():
        return None
    last = b""
    try:
        for last in _blocks(path):  # noqa: B007 - only the last block is wanted
            pass
        data = json.loads(last.rstrip(b"\n").rpartition(b"\n")[2])
        return Summary(path, data["sha256"], data["objects"])
    except _DAMAGE as error:
        raise ManifestError("is damaged", subject=str(path), remedy=_AWAY) from error
