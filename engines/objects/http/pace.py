"""The pace of requests to a store: all slow down when it refuses many objects, not when it refuses one.

A store answers 503 when it is asked too much, and also for a single object that it has lost. Which of the two
it is shows in how many different objects it refuses. A store that serves only so many requests at once shows
that by what it refuses and then serves: so many are sent, and one more every few seconds.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
_SHORTEST_PAUSE = 0.01
# It is the store, not the object, if of so many last answers half were refusals, of so many objects at least.
_WINDOW = 32
_OBJECTS = 4
# After so many objects that were refused and then served, fewer requests are sent at once.
_EVIDENCE = 4
# Seconds without any such object, after which more are sent; the first time, and at most.
_PROBE = 2.0
_LONGEST_PROBE = 60.0
_NO_LIMIT = 1 << 30
# Of so many refused objects it is known how many requests were sent when they were.
_NOTED = 1000


class Pace:
    """The pace that all threads share: ``wait`` before a request, ``over`` when it has ended.

    After that ``served`` or ``refused`` say how; another error says nothing of the pace.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._pause = 0.0
        # The keys that were refused, None for a request that was served.
        self._last: deque[str | None] = deque(maxlen=_WINDOW)
        # Requests that are sent now, and that may be at most.
        self._room = threading.Condition()
        self._sent = 0
        self.limit = _NO_LIMIT
        # With how many requests at once an object was refused that was not served since.
        self._refused: dict[str, int] = {}
        self._evidence: list[int] = []
        self._probe_seconds = _PROBE
        self._probe = 0.0

    @property
    def is_slow(self) -> bool:
        """Return whether requests are slowed down now."""
        return self._pause > 0

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        while self._pause and (left := self._until - time.monotonic()) > 0:
            # Not all at once when the pause is over.
            time.sleep(left * random.uniform(1, 1.3))  # noqa: S311 - no secret
        with self._room:
            while self._sent >= self.limit:
                self._room.wait()
            self._sent += 1

    def over(self) -> int:
        """Note that a request has ended; return how many were sent at once."""
        with self._room:
            self._sent -= 1
            self._room.notify()
            return self._sent + 1

    def refused(self, key: str, seconds: float = 0.0, at_once: int = _NO_LIMIT) -> None:
        """Note that the request for ``key`` was throttled, and for how long the store asks to wait."""
        self._last.append(key)
        with self._lock:
            if len(self._refused) < _NOTED:
                self._refused[key] = min(at_once, self._refused.get(key, _NO_LIMIT))
            refused = [one for one in self._last if one is not None]
            if 2 * len(refused) >= len(self._last) and len(set(refused)) >= _OBJECTS:
                self._slow_down(seconds)

    def _slow_down(self, seconds: float) -> None:
        """Let all threads wait, twice as long as last time."""
        now = time.monotonic()
        if now >= self._until:  # else the pause that was just begun answers this one, too
            self._pause = max(min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE), seconds)
            self._until = now + self._pause

    def served(self, key: str = "") -> None:
        """Note that a request for ``key`` was served."""
        self._last.append(None)
        if self._refused and key in self._refused:
            self._was_busy(key)
        elif self.limit != _NO_LIMIT and time.monotonic() >= self._probe:
            self._send_more()
        if self._pause:
            with self._lock:
                self._pause = 0.0 if self._pause < _SHORTEST_PAUSE else self._pause * 0.9

    def _was_busy(self, key: str) -> None:
        """Note that an object was refused and then served: nothing is the matter with it."""
        with self._lock:
            at_once = self._refused.pop(key, _NO_LIMIT)
            if at_once > self.limit:
                return  # it was refused before fewer were sent
            self._evidence.append(at_once)
            if len(self._evidence) < _EVIDENCE:
                return
            # One that was refused among few may have been somebody else's fault.
            fewest = sorted(self._evidence)[1]
            self._evidence.clear()
            if self.limit != _NO_LIMIT:
                self._probe_seconds = min(2 * self._probe_seconds, _LONGEST_PROBE)
            self._probe = time.monotonic() + self._probe_seconds
            self.limit = max(1, fewest - 1)

    def _send_more(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now >= self._probe:
                self._probe = now + self._probe_seconds
                self._evidence.clear()
                self.limit += max(1, self.limit // 10)
        with self._room:
            self._room.notify_all()
