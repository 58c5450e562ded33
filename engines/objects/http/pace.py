"""The pace of requests to a store: all slow down when it refuses many objects, not when it refuses one.

A store answers 503 when it is asked too much, and also for a single object that it has lost. Which of the two
it is shows in how many different objects it refuses.
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


class Pace:
    """The pace that all threads share: ``wait`` before a request, then call ``served`` or ``refused``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._pause = 0.0
        # The keys that were refused, None for a request that was served.
        self._last: deque[str | None] = deque(maxlen=_WINDOW)

    @property
    def is_slow(self) -> bool:
        """Return whether requests are slowed down now."""
        return self._pause > 0

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        while self._pause and (left := self._until - time.monotonic()) > 0:
            # Not all at once when the pause is over.
            time.sleep(left * random.uniform(1, 1.3))  # noqa: S311 - no secret

    def refused(self, key: str, seconds: float = 0.0) -> None:
        """Note that the request for ``key`` was throttled, and for how long the store asks to wait."""
        self._last.append(key)
        with self._lock:
            refused = [one for one in self._last if one is not None]
            if 2 * len(refused) >= len(self._last) and len(set(refused)) >= _OBJECTS:
                self._slow_down(seconds)

    def _slow_down(self, seconds: float) -> None:
        """Let all threads wait, twice as long as last time."""
        now = time.monotonic()
        if now >= self._until:  # else the pause that was just begun answers this one, too
            self._pause = max(min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE), seconds)
            self._until = now + self._pause

    def served(self) -> None:
        """Note that a request was served."""
        self._last.append(None)
        if self._pause:
            with self._lock:
                self._pause = 0.0 if self._pause < _SHORTEST_PAUSE else self._pause * 0.9
