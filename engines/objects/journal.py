"""The work book of one mirror: its manifest, the journal of what was proven since, and the lock on both."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from engines.objects import manifest
from engines.objects.errors import LockedError
from engines.objects.manifest import Record, Summary
from engines.objects.streams import ordered


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a key: its record, or None when it was struck out."""

    key: str
    record: Record | None

    def to_data(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {"forget": self.key} if self.record is None else self.record.to_data()

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Note:
        """Return what ``to_data`` wrote."""
        return cls(data["forget"], None) if "forget" in data else cls(data["key"], Record.from_data(data))


class Book:
    """Manifest and journal of one pair of endpoints (``source`` and ``target`` are their names).

    Threads may ``prove`` at once. With ``readonly`` nothing is written, for a plan.
    """

    def __init__(self, path: Path, source: str, target: str, *, readonly: bool = False) -> None:
        self.path, self.source, self.target = path, source, target
        self._journal = path.with_name(f"{path.name}.journal")
        self._readonly = readonly
        self._writing = threading.Lock()

    def known(self) -> Iterator[Record]:
        """Yield every record, ordered by key: the manifest's, superseded by the journal's."""
        old = (Note(record.key, record) for record in manifest.read(self.path, self.source, self.target))
        notes = (Note.from_data(data) for data in self._journal_lines() if "upload" not in data)
        if not self._journal.exists():
            yield from (note.record for note in old if note.record)
            return
        yield from (note.record for note in ordered(chain(old, notes), Note.from_data) if note.record)

    @property
    def has_news(self) -> bool:
        """Say whether the journal holds anything that the manifest does not."""
        return self._journal.exists()

    def prove(self, record: Record) -> None:
        """Append a proof. It outlives this process from the moment this returns, even if it is killed."""
        self._append(record.to_data())

    def forget(self, key: str) -> None:
        """Strike out what was known of ``key``."""
        self._append({"forget": key})

    def begun(self, key: str, upload: str) -> None:
        """Note a multipart upload, so that a later run can clean up after a killed one."""
        self._append({"upload": upload, "key": key})

    def uploads(self) -> list[tuple[str, str]]:
        """Return (key, upload id) of the multipart uploads that were begun since the manifest was written."""
        return [(data["key"], data["upload"]) for data in self._journal_lines() if "upload" in data]

    def settle(self, records: Iterator[Record]) -> Summary:
        """Write ``records`` as the manifest, and end the journal."""
        summary = manifest.write(self.path, self.source, self.target, records)
        self._journal.unlink(missing_ok=True)
        return summary

    def _append(self, data: dict[str, Any]) -> None:
        if self._readonly:
            return
        line = json.dumps(data, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)

    def _journal_lines(self) -> Iterator[dict[str, Any]]:
        if not self._journal.exists():
            return
        with self._journal.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                # A process killed while it wrote leaves a last line without its end: not proven.
                if line.endswith("\n"):
                    yield json.loads(line)


@contextmanager
def opened(path: Path | None, source: str, target: str, *, readonly: bool = False) -> Iterator[Book]:
    """Open the book whose manifest is ``path`` for one mirror at a time; without a path, an empty one.

    Raises ``LockedError`` when another mirror has it, and ``ManifestError``.
    """
    if path is None:
        with tempfile.TemporaryDirectory(prefix="objects-") as folder:
            yield Book(Path(folder) / "manifest", source, target)
        return
    book = Book(path, source, target, readonly=readonly)
    if readonly:
        yield book
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(lock, path, target)
        yield book
    finally:
        os.close(lock)  # which releases it; and so does the death of this process


def _take(lock: int, path: Path, target: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 200).decode(errors="replace").strip()
        raise LockedError(
            f"another mirror is at work on it ({holder})",
            subject=target,
            remedy=f"Wait until it has ended; its lock, {path}.lock, opens by itself then.",
        ) from error
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {socket.gethostname()}".encode())
