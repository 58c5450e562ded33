"""How far a push is, emitted as events."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engines.events import Emit, emit

_EVERY = 1.0


class PushProgress:
    """Counts what is sent; threads may call at once.

    Each event ``image.progress`` has the ``bytes`` sent, ``of`` so many, ``rate`` in bytes a second and
    ``seconds_left``. What the registry has already is not counted.
    """

    def __init__(self, report: Emit = emit, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit, self._clock = report, clock
        self._lock = threading.Lock()
        self._began = self._said = clock()
        self._sent = self._of = 0

    def begin(self, size: int) -> None:
        """Count a blob that is to be sent."""
        with self._lock:
            self._of += size

    def add(self, size: int) -> None:
        """Count bytes that were sent, and emit an event if one is due."""
        with self._lock:
            # What is sent again after a failure is not more than there is.
            self._sent = min(self._sent + size, self._of)
            now = self._clock()
            if now - self._said < _EVERY:
                return
            self._said, sent, of = now, self._sent, self._of
        rate = sent / (now - self._began)
        left = round((of - sent) / rate, 1) if rate else None
        self._emit("image.progress", bytes=sent, of=of, rate=round(rate), seconds_left=left)


class CountedFile(io.FileIO):
    """A file of which each piece that is read is counted by ``seen``."""

    def __init__(self, path: Path, seen: Callable[[int], None]) -> None:
        super().__init__(path)
        self._seen = seen

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most ``size`` bytes."""
        data = super().read(size) or b""
        self._seen(len(data))
        return data
