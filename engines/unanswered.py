"""Reports requests to AWS that get no answer: botocore waits for each in silence, several times."""

from __future__ import annotations

import threading
import time
from typing import Any

from engines.events import emit

# Seconds without an answer after which a request is reported, and between two reports of it.
PATIENCE = 10.0


def watch(client: Any) -> None:
    """Report each request of a boto3 client that gets no answer, as ``aws.silent``.

    Fields: ``service``, ``operation``, ``seconds`` since it was sent, and ``limit``, after which botocore
    takes it for failed, and sends it again if it has not done so too often.
    """
    sent = threading.local()

    def begin(event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        sent.report = _Report(service, operation, float(client.meta.config.read_timeout))
        sent.report.start()

    def end(**_: Any) -> None:
        sent.report.answered.set()

    client.meta.events.register("before-send", begin)
    client.meta.events.register("response-received", end)


class _Report(threading.Thread):
    """Reports one request until it is ``answered`` or has failed."""

    def __init__(self, service: str, operation: str, limit: float) -> None:
        super().__init__(name=f"unanswered-{service}-{operation}", daemon=True)
        self._fields = {"service": service, "operation": operation, "limit": round(limit)}
        self._limit = limit
        self.answered = threading.Event()

    def run(self) -> None:
        """Wait for the answer."""
        began = time.monotonic()
        while not self.answered.wait(PATIENCE) and (passed := time.monotonic() - began) < self._limit:
            emit("aws.silent", **self._fields, seconds=round(passed))
