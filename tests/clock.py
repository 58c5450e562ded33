"""Time that passes by the test's clock alone."""

from __future__ import annotations


class Clock:
    """In place of the module ``time``: who sleeps is there at once, and it is later."""

    def __init__(self) -> None:
        self._now = 1000.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
