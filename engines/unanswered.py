"""Reports requests to AWS that get no answer: botocore waits for each in silence, several times."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from engines.events import emit

# Seconds without an answer after which a call is reported, and between two reports of it.
PATIENCE = 10.0
# Seconds after which a request is reported no more: botocore does not say of every one that it has ended.
_LONGEST = 600.0


def watch(client: Any) -> None:
    """Report each call of a boto3 client that gets no answer, as ``aws.silent``.

    Fields: ``service``, ``operation``, and ``seconds`` since it was sent first: botocore sends a request that
    is not answered again, several times.
    """
    call = threading.local()

    def begin(event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        call.began = getattr(call, "began", None) or time.monotonic()
        call.report = _Report(service, operation, call.began)
        with suppress(RuntimeError):  # a process that may start no thread can work all the same
            call.report.start()

    def end(exception: Exception | None = None, **_: Any) -> None:
        call.report.answered.set()
        if exception is None:
            call.began = None

    def forget(**_: Any) -> None:
        call.began = None

    client.meta.events.register("before-call", forget)
    client.meta.events.register("before-send", begin)
    client.meta.events.register("response-received", end)


class _Report(threading.Thread):
    """Reports one request until it is ``answered``."""

    def __init__(self, service: str, operation: str, began: float) -> None:
        super().__init__(name=f"unanswered-{service}-{operation}", daemon=True)
        self._fields = {"service": service, "operation": operation}
        self._began, self._ends = began, time.monotonic() + _LONGEST
        self.answered = threading.Event()

    def run(self) -> None:
        """Wait for the answer."""
        while not self.answered.wait(PATIENCE) and time.monotonic() < self._ends:
            emit("aws.silent", **self._fields, seconds=round(time.monotonic() - self._began))
