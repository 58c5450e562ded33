"""How far a comparison is, emitted as events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from engines.events import Emit, emit

_EVERY = 1.0


class ScanProgress:
    """Counts bytes that were read, on both sides; threads may ``add`` at once.

    Each event ``compare.progress`` has ``bytes`` read, ``of`` so many, ``share``, and ``seconds_left``.
    """

    def __init__(self, of: int, report: Emit = emit, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._of, self._emit, self._clock = of, report, clock
        self._lock = threading.Lock()
        self._began = self._said = clock()
        self._done = 0.0

    def add(self, size: float) -> None:
        """Count what was read, and emit an event if one is due."""
        with self._lock:
            self._done += size
            now = self._clock()
            if now - self._said < _EVERY or not self._of:
                return
            self._said, share = now, min(1.0, self._done / self._of)
        left = (now - self._began) * (1 / share - 1) if share else None
        self._emit(
            "compare.progress",
            bytes=round(self._done),
            of=self._of,
            share=round(share, 4),
            seconds_left=None if left is None else round(left, 1),
        )
