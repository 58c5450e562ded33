"""What requests each target is answering: a target is drained when it has none left."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Awaitable
from typing import Any

_POLL = 0.05

Place = tuple[str, int]  # address, port


class Traffic:
    """Counts the requests that the load balancer has in flight, by target."""

    def __init__(self) -> None:
        self._count: Counter[Place] = Counter()
        self._lock = threading.Lock()

    async def counted(self, place: Place, answering: Awaitable[Any]) -> Any:
        """Await the answer of a target, which counts until its body is sent."""
        self._add(place, 1)
        try:
            answer = await answering
        except BaseException:
            self._add(place, -1)
            raise
        body = answer[2]
        send_body = getattr(body, "runner", None)
        if send_body is None:
            self._add(place, -1)
            return answer

        async def until_sent(send: Any, receive: Any) -> None:
            try:
                await send_body(send, receive)
            finally:
                self._add(place, -1)

        body.runner = until_sent
        return answer

    def busy(self, place: Place) -> bool:
        """Return whether a target is answering a request."""
        return self._count[place] > 0

    def drain(self, places: set[Place], delay: float) -> None:
        """Wait until the targets, which get no new requests, are done with theirs; ``delay`` at most.

        As the load balancer does: with nothing in flight it is over at once.
        """
        deadline = time.monotonic() + delay
        while any(self.busy(place) for place in places) and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _add(self, place: Place, number: int) -> None:
        with self._lock:
            self._count[place] += number
