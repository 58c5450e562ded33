"""Memory for bodies, shared by all threads and used again: new memory costs more CPU than a digest of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Bytes of all bodies that are in memory at once.
SIZE = 96 << 20
_SMALLEST = 64 << 10


class Buffers:
    """At most ``size`` bytes: who wants more than is left waits. A body that is larger than that goes alone.

    A buffer's own size is a power of two, so that what one body leaves suits the next.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._used = self._kept = 0
        self._idle: dict[int, list[bytearray]] = {}
        self._changed = threading.Condition()

    def take(self, size: int) -> memoryview:
        """Wait for ``size`` bytes and return them, with whatever they held before."""
        own = max(_SMALLEST, 1 << (size - 1).bit_length()) if size else 0
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + own <= self._size)
            self._used += own
            return memoryview(self._buffer(own))[:size]

    def _buffer(self, own: int) -> bytearray:
        if idle := self._idle.get(own):
            self._kept -= own
            return idle.pop()
        # Largest first: they make the most room, and are the fewest.
        for kept in sorted(self._idle, reverse=True):
            while self._idle[kept] and self._used + self._kept > self._size:
                self._idle[kept].pop()
                self._kept -= kept
        return bytearray(own)

    def give(self, view: memoryview) -> None:
        """Give back what was taken."""
        buffer = view.obj
        view.release()
        if not isinstance(buffer, bytearray):
            raise TypeError("it is not a buffer of this pool")
        with self._changed:
            self._used -= len(buffer)
            if self._used + self._kept + len(buffer) <= self._size:
                self._idle.setdefault(len(buffer), []).append(buffer)
                self._kept += len(buffer)
            self._changed.notify_all()

    @contextmanager
    def held(self, size: int) -> Iterator[memoryview]:
        """Hold ``size`` bytes for the length of a ``with`` block."""
        view = self.take(size)
        try:
            yield view
        finally:
            self.give(view)
