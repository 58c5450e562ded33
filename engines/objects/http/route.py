"""The route to a host: direct, or through the proxy of the environment.

As curl reads ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``. A proxy without a port is at
80, where boto3 looks for it, too: all phases go the same way.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from engines.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Route:
    """Where to connect. Through a proxy, https is tunnelled, and http names its whole URL (``absolute``)."""

    host: str
    port: int
    secure: bool
    proxy: tuple[str, int] | None = None
    absolute: str = ""
    # What is sent to the proxy with each http request, or with the request for a tunnel.
    proxy_headers: dict[str, str] = field(default_factory=dict, repr=False)


def route(url: str) -> Route:
    """Return the route to ``url``. Raises ``ConfigurationError`` for a proxy of another kind."""
    parts = urlsplit(url)
    host, port, secure = parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https"
    proxies = urllib.request.getproxies()
    given = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not given or _is_excepted(host, port, proxies.get("no", "")):
        return Route(host, port, secure)
    proxy = urlsplit(given if "://" in given else f"http://{given}")
    if proxy.scheme != "http" or not proxy.hostname:
        # The URL itself is not quoted: it may hold a password.
        raise ConfigurationError(
            "names a proxy that is not reached by plain http",
            subject=f"{parts.scheme}_proxy or all_proxy",
            remedy="Write it as http://user:password@host:port, or name the store's host in no_proxy.",
        )
    absolute = "" if secure else f"http://{parts.netloc}"
    return Route(host, port, secure, (proxy.hostname, proxy.port or 80), absolute, _headers(proxy))


def _headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"proxy-authorization": f"Basic {base64.b64encode(credentials).decode()}"}


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    """Return whether ``no_proxy`` names the host: itself, a domain of its, its network, or all hosts."""
    for one in exceptions.replace(",", " ").split():
        name, _, only_port = one.rpartition(":") if one.count(":") == 1 else (one, "", "")
        if name == "*" or (_is_of(host, name.strip("[]")) and only_port in {"", str(port)}):
            return True
    return False


def _is_of(host: str, name: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    domain = name.lower().removeprefix("*").removeprefix(".")
    return bool(domain) and (host.lower() == domain or host.lower().endswith(f".{domain}"))
