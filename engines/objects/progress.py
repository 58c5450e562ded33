"""The progress of a mirror or a comparison, emitted as events at least every second."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Protocol

from engines import events

_EVERY = 0.9
# For how long a store answers nothing before that is reported.
SILENT = 10.0
# The rate is that of the last so many seconds: fast enough to notice, slow enough to read.
_WINDOW = 15.0


class Watched(Protocol):
    """A store, and for how many seconds nothing was heard of it though it was asked."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def silence(self) -> float:
        """Return the seconds, 0 if it was asked nothing."""


class Progress:
    """Counts of one piece of work. Threads may ``add`` at once; a thread of its own reports them.

    Each event ``objects.progress`` has ``target``, ``phase`` (``listing``, ``reading``, ``copying``,
    ``comparing``), ``objects`` and ``bytes`` done, ``of_objects`` and ``of_bytes`` to do (0: not known yet),
    ``rate`` in bytes a second, and ``seconds_left`` (None: not known). A store that has answered nothing for
    ten seconds is reported as ``objects.silent`` with its name, ``store``, and the ``seconds``; so it is
    after each further ten.
    """

    def __init__(self, emit: events.Emit, target: str, *watched: Watched | None) -> None:
        self._emit, self._target = emit, target
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._watched = [one for one in watched if one is not None]
        self._reported: dict[str, float] = {}
        self._thread = threading.Thread(target=self._report_regularly, name="objects-progress", daemon=True)
        self.begin("listing")

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.report()

    def begin(self, phase: str, objects: int = 0, size: int = 0) -> None:
        """Begin a phase in which so many objects and bytes are to be done."""
        with self._lock:
            self._phase, self._objects, self._size = phase, 0, 0
            self._of_objects, self._of_size = objects, size
            self._marks: deque[tuple[float, int, int]] = deque([(time.monotonic(), 0, 0)])

    def add(self, objects: int = 0, size: int = 0) -> None:
        """Count what was done."""
        with self._lock:
            self._objects += objects
            self._size += size

    def report(self) -> None:
        """Emit one event."""
        with self._lock:
            now = time.monotonic()
            self._marks.append((now, self._objects, self._size))
            while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW:  # noqa: PLR2004 - a first and a last
                self._marks.popleft()
            begun, objects, size = self._marks[0]
            seconds = max(now - begun, 1e-3)
            rates = (self._objects - objects) / seconds, (self._size - size) / seconds
            left = (self._of_objects - self._objects, rates[0]), (self._of_size - self._size, rates[1])
            fields = {
                "target": self._target,
                "phase": self._phase,
                "objects": self._objects,
                "bytes": self._size,
                "of_objects": self._of_objects,
                "of_bytes": self._of_size,
                "rate": round(rates[1]),
                "seconds_left": _longest(left) if self._of_objects else None,
            }
        self._emit("objects.progress", **fields)

    def _report_regularly(self) -> None:
        while not self._stop.wait(_EVERY):
            self.report()
            self._report_silence()

    def _report_silence(self) -> None:
        for store in self._watched:
            seconds, last = store.silence, self._reported.get(store.name, 0.0)
            if seconds < SILENT:
                self._reported[store.name] = 0.0
            elif seconds >= last + SILENT:
                self._reported[store.name] = seconds
                self._emit("objects.silent", store=store.name, seconds=round(seconds))


def _longest(parts: tuple[tuple[float, float], ...]) -> int | None:
    """Return the seconds that the slower of objects and bytes takes, None before there is a rate."""
    needed = [(amount, rate) for amount, rate in parts if amount > 0]
    if any(rate <= 0 for _, rate in needed):
        return None
    return round(max((amount / rate for amount, rate in needed), default=0))
