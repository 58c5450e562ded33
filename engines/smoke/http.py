"""One HTTP request and its answer: no redirects, no retries but for a connection that is not accepted yet."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from engines.errors import ConfigurationError
from engines.smoke.certificates import refused
from engines.smoke.errors import CertificateError, NoAnswerError
from engines.smoke.model import DIRECT, Route

# Nothing was sent yet when one of these happens, so that sending again cannot do a thing twice.
_NOT_SENT = (NewConnectionError, ConnectTimeoutError)
_PAUSE = 0.25


@dataclass(frozen=True)
class Request:
    """What is sent. ``headers`` may hold secrets, so ``repr`` leaves them out.

    ``body`` is sent as JSON, ``text`` as it is.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None
    text: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many milliseconds; ``headers`` by their names in small letters."""

    status: int
    text: str
    latency_ms: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> Any:
        """Return the parsed body. Raises ``ValueError`` when it is not JSON (NaN and Infinity are not)."""
        return json.loads(self.text, parse_constant=_refuse)


class Http:
    """A pool of connections. ``window``: for how many seconds a connection may be refused.

    What is sent to the host of ``url`` takes the ``route``; other hosts are reached as DNS says.
    """

    def __init__(
        self, url: str = "", route: Route = DIRECT, *, window: float = 10.0, timeout: float = 30.0
    ) -> None:
        self._window = window
        limits = urllib3.Timeout(connect=min(timeout, 5.0), read=timeout)
        self._pool = urllib3.PoolManager(retries=False, timeout=limits)
        self._origin = _origin(url)
        self._routed = _routed(url, route, limits) if url and route != DIRECT else None

    def __enter__(self) -> Http:
        """Return self; leaving closes every connection."""
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()
        if self._routed:
            self._routed.clear()

    def certify(self, url: str) -> None:
        """Raise ``CertificateError`` when the server at ``url`` has a certificate that users would refuse.

        That it does not answer yet is no fault of its certificate.
        """
        if url.startswith("https:"):
            try:
                self.send(Request("GET", url))
            except CertificateError:
                raise
            except NoAnswerError:
                return

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
                host = urlsplit(request.url).hostname or ""
                raise refused(error, host) or NoAnswerError(_why(error)) from error

    def _once(self, request: Request) -> Answer:
        headers = {"Accept": "application/json, */*;q=0.5", **request.headers}
        content = request.text.encode() if request.text is not None else None
        if request.body is not None:
            content = json.dumps(request.body).encode()
            headers.setdefault("Content-Type", "application/json")
        start = time.perf_counter()
        pool = self._pool
        if self._routed and _origin(request.url) == self._origin:
            pool = self._routed
            headers["Host"] = urlsplit(request.url).netloc
        response = pool.request(request.method, request.url, body=content, headers=headers, redirect=False)
        latency = (time.perf_counter() - start) * 1000
        text = response.data.decode("utf-8", "replace")
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, text, round(latency, 1), names)


class _RoutedPool(urllib3.PoolManager):
    """Connects to one place under the names of the URLs that it is given."""

    def __init__(self, host: str, port: int, **options: Any) -> None:
        super().__init__(**options)
        self._place = host, port

    def connection_from_host(
        self, host: str | None, port: int | None = None, scheme: str | None = "http", pool_kwargs: Any = None
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool of the place, which asks for ``host``."""
        del port
        options = {**self.connection_pool_kw, **(pool_kwargs or {})}
        if scheme == "https":
            options["server_hostname"] = host
        return super().connection_from_host(*self._place, scheme, options)


def _routed(url: str, route: Route, limits: urllib3.Timeout) -> urllib3.PoolManager:
    options: dict[str, Any] = {"retries": False, "timeout": limits}
    if route.ca_file:
        options["ca_certs"] = route.ca_file
    _, name, usual = _origin(url)
    host, _, port = route.connect_to.partition(":")
    if port and not port.isdigit():
        raise ConfigurationError(
            "is not a host, or a host and a port",
            subject=f"connect_to {route.connect_to}",
            remedy="Write it as host:port.",
        )
    return _RoutedPool(host or name, int(port or usual), **options)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443}.get(parts.scheme, 80)


def _why(error: HTTPError) -> str:
    """Say it without the pool's and the connection's ``repr``, which some of these errors begin with."""
    text = str(error)
    return text.rpartition(">: ")[2] or text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
