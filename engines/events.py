"""Progress events of long operations, appended to one stream as JSON lines.

An engine calls ``emit``; the stream is the file that ``BMII_EVENTS`` names. Without it events are
dropped.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Protocol


class Emit(Protocol):
    """Called with the kind of event (``table.copied``, ``objects.progress`` …) and its fields."""

    def __call__(self, kind: str, **fields: object) -> None:
        """Record one event; must not raise, because progress must not stop the work."""


def emit(kind: str, **fields: object) -> None:
    """Append one event, stamped with seconds since the epoch, to the stream. Fields must not hold secrets."""
    path = os.environ.get("BMII_EVENTS")
    if not path:
        return
    line = json.dumps({"at": round(time.time(), 3), "kind": kind, **fields}, default=str)
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError:
        return
