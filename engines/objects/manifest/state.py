"""The state of one mirror: its manifest, the journal of what was proven since, and the locks on both."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engines.objects.errors import ManifestError
from engines.objects.manifest import locks
from engines.objects.manifest import records as records_file
from engines.objects.manifest.records import Manifest, Record, Summary
from engines.objects.s3 import Sorted, merge_join

# A key, its metadata and tags are some 10 KB at most, and escaped not six times as long.
_LONGEST_LINE = 1 << 20

_dumps = json.JSONEncoder(separators=(",", ":")).encode


class JournalEntry(NamedTuple):
    """What the journal says of a key: its record as plain data, or None when it was struck out."""

    key: str
    record: list[Any] | None


class MirrorState:
    """Manifest and journal of one pair of endpoints (``source`` and ``target`` are their names).

    Threads may ``prove`` at once. With ``readonly`` nothing is written, for a plan. Close it.
    """

    def __init__(self, path: Path, source: str, target: str, *, readonly: bool = False) -> None:
        self.path, self.source, self.target = path, source, target
        self._journal = _journal_of(path)
        self._readonly = readonly
        # What was known of other endpoints, and where it is now (or would be).
        self.set_aside = _set_aside(path, source, target, readonly=readonly)
        self._handle = -1
        self._writing = threading.Lock()
        # The summary of the manifest, once records() was read to its end.
        self.summary: Summary | None = None
        if not readonly:
            self._cut_off_partial_line()

    def _cut_off_partial_line(self) -> None:
        """Cut off a line without its end, which a process leaves that is killed while it writes."""
        if self._journal.exists():
            with self._journal.open("r+b") as file:
                start = max(0, file.seek(0, os.SEEK_END) - _LONGEST_LINE)
                file.seek(start)
                file.truncate(start + file.read().rfind(b"\n") + 1)

    def close(self) -> None:
        """Close the journal."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def records(self) -> Iterator[Record]:
        """Yield every record, ordered by key: the manifest's, superseded by the journal's."""
        if self.set_aside and self._readonly:
            return
        written = Manifest(self.path, self.source, self.target)
        if not self._journal.exists():
            yield from written
        else:
            with Sorted(JournalEntry._make) as entries:
                for entry in _entries(self._journal_lines()):
                    entries.append(entry)
                nothing: tuple[Record, ...] = ()
                for recorded, later, _ in merge_join(written, entries, nothing):
                    if later is None and recorded is not None:
                        yield recorded
                    elif later is not None and later.record is not None:
                        yield Record._make(later.record)
        self.summary = written.summary

    @property
    def has_pending(self) -> bool:
        """Return whether the journal holds anything that the manifest does not."""
        return self._journal.exists() and not (self.set_aside and self._readonly)

    def prove(self, record: Record) -> None:
        """Append a proof. It outlives this process from the moment this returns, even if it is killed."""
        self._append(record)

    def forget(self, key: str) -> None:
        """Strike out what was known of ``key``."""
        self._append({"forget": key})

    def upload_begun(self, key: str, upload: str) -> None:
        """Note a multipart upload, so that a later run can clean up after a killed one."""
        self._append({"upload": upload, "key": key})

    def uploads(self) -> list[tuple[str, str]]:
        """Return (key, upload id) of the multipart uploads that were begun since the manifest was written."""
        lines = self._journal_lines()
        return [
            (data["key"], data["upload"]) for data in lines if isinstance(data, dict) and "upload" in data
        ]

    def write_manifest(self, records: Iterator[Record]) -> Summary:
        """Write ``records`` as the manifest, and end the journal."""
        self.summary = records_file.write(self.path, self.source, self.target, records)
        self.close()
        self._journal.unlink(missing_ok=True)
        return self.summary

    def _append(self, data: Any) -> None:
        if self._readonly:
            return
        line = _dumps(data).encode() + b"\n"
        with self._writing:
            if self._handle < 0:
                self._open_journal()
            if os.write(self._handle, line) != len(line):
                raise ManifestError(
                    "could not be written whole", subject=str(self._journal), remedy="Free space."
                )

    def _open_journal(self) -> None:
        """Open the journal; a new one says first what it is about, since there may be no manifest yet."""
        self._handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if not os.fstat(self._handle).st_size:
            about = _dumps({"source": self.source, "target": self.target})
            os.write(self._handle, about.encode() + b"\n")

    def _journal_lines(self) -> Iterator[Any]:
        if not self._journal.exists():
            return
        with self._journal.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)


def _entries(lines: Iterator[Any]) -> Iterator[JournalEntry]:
    for data in lines:
        if isinstance(data, list):
            yield JournalEntry(data[0], data)
        elif "forget" in data:
            yield JournalEntry(data["forget"], None)


def _journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")


def _set_aside(path: Path, source: str, target: str, *, readonly: bool) -> str:
    """Rename a manifest and a journal about other endpoints; return what was done, nothing if nothing was.

    Their new name is that of these endpoints: it holds the last that was known of them.
    """
    about = records_file.read_header(path) or _journal_header(_journal_of(path))
    what = records_file.misses(about, source, target) if about else ""
    if not about or not what:
        return ""
    digest = hashlib.sha256(f"{about['source']}\n{about['target']}".encode()).hexdigest()[:12]
    aside = path.with_name(f"{path.name}.{digest}")
    if readonly:
        return f"{path} {what}; a run sets it aside as {aside.name}, and reads objects that both sides have"
    for old, new in ((_journal_of(path), _journal_of(aside)), (path, aside)):
        if old.exists():
            old.replace(new)
        else:
            new.unlink(missing_ok=True)
    return f"{path} {what}; it is set aside as {aside.name}, and objects that both sides have are read"


def _journal_header(journal: Path) -> dict[str, Any] | None:
    """Return what a journal says that it is about; None if there is none, or it was cut off before that."""
    if not journal.exists():
        return None
    with journal.open(encoding="utf-8", newline="\n") as file:
        first = file.readline()
    data = json.loads(first) if first.endswith("\n") else None
    return data if isinstance(data, dict) and {"source", "target"} <= data.keys() else None


@contextmanager
def open_state(
    path: Path | None, source: str, target: str, *, readonly: bool = False
) -> Iterator[MirrorState]:
    """Open the state whose manifest is ``path`` for one mirror at a time; without a path, an empty one.

    No second mirror of the same target runs on this machine under this user, nor of the same manifest on any
    machine that sees the file and its locks. Raises ``LockedError`` when there is one, and ``ManifestError``.
    """
    with ExitStack() as stack:
        folder = path.parent if path else Path(stack.enter_context(_temporary_folder()))
        manifest_path = path or folder / "manifest"
        if not readonly:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(
                locks.locked(locks.runtime_folder() / hashlib.sha256(target.encode()).hexdigest(), target)
            )
            stack.enter_context(locks.locked(manifest_path, target))
        state = MirrorState(manifest_path, source, target, readonly=readonly)
        stack.callback(state.close)
        yield state


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="objects-")
