"""The proof of each object that was carried, on disk: it makes a re-run cheap and a later check possible.

A manifest is zstd-compressed JSON lines: a header (format, source, target), one line per object sorted by
key, and a last line with their number and the SHA-256 of all lines before it. Beside it, while a mirror is at
work, lie a journal (each proof, appended the moment the object is proven) and a lock.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zstandard

from engines.objects.errors import ManifestError

FORMAT = "bmii-objects/1"
_AWAY = "Move the file away: every object will then be read on both sides and compared again."


@dataclass(frozen=True, slots=True)
class State:
    """How a side lists an object: ETag without quotes, bytes, seconds since the epoch (None: not known)."""

    etag: str
    size: int
    modified: int | None = None

    def is_still(self, etag: str, size: int, modified: int) -> bool:
        """Say whether a listing shows the object as it was recorded."""
        return self.etag == etag and self.size == size and self.modified in {None, modified}


@dataclass(frozen=True, slots=True)
class Record:
    """The proof of one object: its digest, its attributes, and both sides as they were when it was proven."""

    key: str
    sha256: str
    source: State
    target: State
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        sides = {
            name: [side.etag, side.size, side.modified]
            for name, side in (("source", self.source), ("target", self.target))
        }
        return {"key": self.key, "sha256": self.sha256, **sides, "attributes": dict(self.attributes)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Record:
        """Return what ``to_data`` wrote."""
        sides = State(*data["source"]), State(*data["target"])
        return cls(data["key"], data["sha256"], *sides, data["attributes"])

    def seen(self, modified: int) -> Record:
        """Return the record with the time at which the target lists its object as changed."""
        return replace(self, target=replace(self.target, modified=modified))


@dataclass(frozen=True)
class Summary:
    """A written manifest: its file, the digest of its content, and how many objects it proves."""

    path: Path
    sha256: str
    objects: int


def read(path: Path, source: str = "", target: str = "") -> Iterator[Record]:
    """Yield the records of a manifest in order; nothing if there is no file.

    ``source`` and ``target`` are the names of the endpoints it must be about; empty means any. Raises
    ``ManifestError`` if it is about others, or damaged (which shows at its end at the latest).
    """
    if not path.exists():
        return
    digest, objects, expected = hashlib.sha256(), 0, None
    try:
        for line in _lines(path):
            data = json.loads(line)
            if "format" in data:
                _check_header(path, data, source, target)
            elif "objects" in data:
                expected = (data["objects"], data["sha256"])
                break
            else:
                yield Record.from_data(data)
                objects += 1
            digest.update(line.encode())
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, UnicodeError) as error:
        raise ManifestError("is damaged", subject=str(path), remedy=_AWAY) from error
    if expected != (objects, digest.hexdigest()):
        raise ManifestError("is damaged or incomplete", subject=str(path), remedy=_AWAY)


def write(path: Path, source: str, target: str, records: Iterable[Record]) -> Summary:
    """Write a manifest of ``records`` (ordered by key) in one step: a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.part")
    digest, objects = hashlib.sha256(), 0
    with temporary.open("wb") as file:
        with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed:
            line = _line({"format": FORMAT, "source": source, "target": target})
            packed.write(line)
            digest.update(line)
            for objects, record in enumerate(records, start=1):  # noqa: B007 - the number of the last is the count
                line = _line(record.to_data())
                packed.write(line)
                digest.update(line)
            packed.write(_line({"objects": objects, "sha256": digest.hexdigest()}))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return Summary(path, digest.hexdigest(), objects)


def summary(path: Path) -> Summary | None:
    """Return what a manifest says of itself, or None if there is none. Raises ``ManifestError``."""
    if not path.exists():
        return None
    last = ""
    try:
        for last in _lines(path):  # noqa: B007 - only the last line is wanted
            pass
        data = json.loads(last)
        return Summary(path, data["sha256"], data["objects"])
    except (zstandard.ZstdError, ValueError, KeyError, TypeError) as error:
        raise ManifestError("is damaged", subject=str(path), remedy=_AWAY) from error


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
        # newline="\n": a key may hold other line ends, though JSON escapes them all.
        yield from io.TextIOWrapper(packed, encoding="utf-8", newline="\n")


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _check_header(path: Path, data: Mapping[str, Any], source: str, target: str) -> None:
    if data["format"] != FORMAT:
        raise ManifestError(f"has the unknown format {data['format']}", subject=str(path), remedy=_AWAY)
    for side, name in (("source", source), ("target", target)):
        if name and data[side] != name:
            raise ManifestError(
                f"is about the {side} {data[side]}, not {name}",
                subject=str(path),
                remedy=f"Name another manifest. {_AWAY}",
            )
