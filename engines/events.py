"""Progress events of long operations, appended as JSON lines.

An engine calls ``emit``. The stream is the file that ``BMII_EVENTS`` names, made if need be. Another one,
which ``BMII_SCREEN`` names, is that of the callback that shows a run. It is never made here: a process that
outlives the run finds it gone. Without either, events are dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from typing import Protocol

EVENTS, SCREEN = "BMII_EVENTS", "BMII_SCREEN"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class Emit(Protocol):
    """Called with the kind of event (``table.copied``, ``objects.progress`` …) and its fields."""

    def __call__(self, kind: str, **fields: object) -> None:
        """Record one event; must not raise, because progress must not stop the work."""


def emit(kind: str, **fields: object) -> None:
    """Append one event, stamped with seconds since the epoch, to both. Fields must not hold secrets."""
    places = [(os.environ.get(EVENTS), _APPEND | os.O_CREAT), (os.environ.get(SCREEN), _APPEND)]
    if any(path for path, _ in places):
        line = _line({"at": round(time.time(), 3), "kind": kind, **fields})
        for path, flags in places:
            _append(path, flags, line)


def record(event: Mapping[str, object]) -> None:
    """Append an event of the run itself, which is shown already, to what ``BMII_EVENTS`` names."""
    if path := os.environ.get(EVENTS):
        _append(path, _APPEND | os.O_CREAT, _line(event))


def _line(event: Mapping[str, object]) -> bytes:
    return (json.dumps(event, default=str) + "\n").encode()


def _append(path: str | None, flags: int, line: bytes) -> None:
    """One write, so that lines of several processes do not mix."""
    if not path:
        return
    with contextlib.suppress(OSError):
        handle = os.open(path, flags, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
