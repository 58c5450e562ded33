"""One HTTP request and its answer: no redirects, no retries but for a connection that is not accepted yet."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from engines.smoke.errors import NoAnswerError

# Nothing was sent yet when one of these happens, so that sending again cannot do a thing twice.
_NOT_SENT = (NewConnectionError, ConnectTimeoutError)
_PAUSE = 0.25


@dataclass(frozen=True)
class Request:
    """What is sent. ``headers`` may hold secrets, so ``repr`` leaves them out. ``body`` is sent as JSON."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many milliseconds."""

    status: int
    text: str
    latency_ms: float

    def json(self) -> Any:
        """Return the parsed body. Raises ``ValueError`` when it is not JSON (NaN and Infinity are not)."""
        return json.loads(self.text, parse_constant=_refuse)


class Http:
    """A pool of connections. ``window``: for how many seconds a connection may be refused."""

    def __init__(self, *, window: float = 10.0, timeout: float = 30.0) -> None:
        self._window = window
        self._pool = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=min(timeout, 5.0), read=timeout)
        )

    def __enter__(self) -> Http:
        """Return self; leaving closes every connection."""
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def send(self, request: Request) -> Answer:
        """Send and return the answer, whatever its status. Raises ``NoAnswerError`` when there is none."""
        until = time.monotonic() + self._window
        while True:
            try:
                return self._once(request)
            except _NOT_SENT as error:
                if time.monotonic() + _PAUSE > until:
                    raise NoAnswerError(_why(error)) from error
                time.sleep(_PAUSE)
            except HTTPError as error:
                raise NoAnswerError(_why(error)) from error

    def _once(self, request: Request) -> Answer:
        headers = {"Accept": "application/json", **request.headers}
        content = None
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers.setdefault("Content-Type", "application/json")
        start = time.perf_counter()
        response = self._pool.request(
            request.method, request.url, body=content, headers=headers, redirect=False
        )
        latency = (time.perf_counter() - start) * 1000
        return Answer(response.status, response.data.decode("utf-8", "replace"), round(latency, 1))


def _why(error: HTTPError) -> str:
    """Say it without the pool's and the connection's ``repr``, which some of these errors begin with."""
    text = str(error)
    return text.rpartition(">: ")[2] or text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
