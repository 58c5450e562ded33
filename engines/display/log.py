"""The log of a run: what each task did and when; no more than Ansible itself would print."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

_KEPT = 20


class Log:
    """A file that one run appends to. Without a folder, or where it cannot be written, nothing is kept."""

    def __init__(self, file: TextIO | None, path: Path | None = None) -> None:
        self._file, self._path = file, path

    @classmethod
    def create(cls, folder: str | None) -> Log:
        """Open the log of a run in ``folder``, and remove the oldest ones."""
        if not folder:
            return cls(None)
        place = Path(folder)
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in sorted(place.glob("*.log"))[: -_KEPT + 1]:
                old.unlink(missing_ok=True)
            path = place / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}.log"
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            return cls(os.fdopen(handle, "w", encoding="utf-8", buffering=1), path)
        except OSError:
            return cls(None)

    @property
    def name(self) -> str:
        """The path as a user would type it; empty where nothing is kept."""
        return os.path.relpath(self._path) if self._path else ""

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event; a full disk must not end the run."""
        if self._file is not None:
            with contextlib.suppress(OSError, ValueError):
                self._file.write("".join(f"{line}\n" for line in _lines(event)))


def _lines(event: Mapping[str, Any]) -> list[str]:
    when = time.strftime("%H:%M:%S", time.gmtime(float(event["at"])))
    kind = str(event["kind"])
    if kind in {"noted", "table"}:
        return [f"{when}   {line}" for line in event["lines"]]
    rest = {
        name: value for name, value in event.items() if name not in {"at", "kind"} and value not in (None, "")
    }
    said = str(rest.pop("task", rest.pop("title", "")))
    return [
        f"{when} {kind} {said} {json.dumps(rest, default=str, ensure_ascii=False) if rest else ''}".rstrip()
    ]
