"""The guard on addresses: a rehearsal talks to this machine only, a real migration to AWS itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from engines.errors import ConfigurationError
from engines.postgres.session import parse
from engines.preflight.model import Finding, Settings, is_reference

_GLOBAL = "AWS_ENDPOINT_URL"
_IGNORE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


@dataclass(frozen=True)
class Endpoint:
    """An address, and the variable by which the user sets it."""

    variable: str
    url: str

    @property
    def host(self) -> str:
        """The host of a URL or of ``host:port``; empty when there is none to be found."""
        try:
            parts = urlsplit(self.url if "://" in self.url else f"//{self.url}")
            return "" if parts.port == 0 else parts.hostname or ""
        except ValueError:
            return ""


def find(settings: Settings, environment: Mapping[str, str], profile: Mapping[str, object]) -> list[Finding]:
    """Return what the guard refuses for the target of ``settings``."""
    overrides = list(aws_overrides(environment, profile))
    if settings.real_account:
        return [_override(one) for one in overrides]
    found = [*_addresses(settings), *overrides]
    return [*_aws_is_emulated(environment), *(finding for one in found for finding in _on_loopback(one))]


def aws_overrides(environment: Mapping[str, str], profile: Mapping[str, object]) -> Iterator[Endpoint]:
    """Yield every endpoint that AWS clients would use instead of AWS's own."""
    for name, value in sorted(environment.items()):
        if name.startswith(_GLOBAL) and value:
            yield Endpoint(name, value)
    for name, setting in profile.items():
        if name == "endpoint_url" and isinstance(setting, str):
            yield Endpoint("endpoint_url of the AWS profile", setting)
        elif isinstance(setting, Mapping) and isinstance(setting.get("endpoint_url"), str):
            yield Endpoint(f"{name}.endpoint_url of the AWS profile", str(setting["endpoint_url"]))


def _addresses(settings: Settings) -> Iterator[Endpoint]:
    """Yield every address of the configuration; other rules report what is unset or malformed."""
    for one in settings.endpoints:
        if one.get("url"):
            yield Endpoint(one["variable"], one["url"])
    if settings.source_store.get("endpoint"):
        yield Endpoint("platform_source_store.endpoint", str(settings.source_store["endpoint"]))
    if settings.source_database and not is_reference(settings.source_database):
        try:
            parameters = parse(settings.source_database).parameters
        except ConfigurationError:
            return
        # An address without a host, or with a folder for one, means a socket of this machine.
        for host in f"{parameters.get('host', '')},{parameters.get('hostaddr', '')}".split(","):
            if host and not host.startswith(("/", "@")):
                yield Endpoint("platform_source_database", f"[{host}]" if ":" in host else host)


def _aws_is_emulated(environment: Mapping[str, str]) -> Iterator[Finding]:
    if not environment.get(_GLOBAL):
        yield Finding(
            _GLOBAL,
            "is not set, so the rehearsal would reach a real AWS account",
            "Set it in platform_aws_environment to the emulator's address.",
        )
    if environment.get(_IGNORE, "").lower() == "true":
        yield Finding(
            _IGNORE, "makes AWS clients pass over the emulator", "Unset it in the shell that you start from."
        )


def _override(endpoint: Endpoint) -> Finding:
    return Finding(
        endpoint.variable,
        f"leads AWS clients to {endpoint.host or 'another address'} instead of AWS",
        "Remove it: production refuses endpoints of its own.",
    )


def _on_loopback(endpoint: Endpoint) -> Iterator[Finding]:
    """Refuse an address of which any part lies outside this machine."""
    host = endpoint.host
    if not host:
        yield Finding(endpoint.variable, "is not an address", "Set one such as http://127.0.0.1:14566.")
        return
    try:
        addresses = {str(answer[4][0]) for answer in socket.getaddrinfo(host, None)}
    except OSError:
        yield Finding(endpoint.variable, f"{host} cannot be resolved", "The rehearsal uses 127.0.0.1.")
        return
    outside = sorted(one for one in addresses if not ip_address(one.partition("%")[0]).is_loopback)
    if outside:
        yield Finding(
            endpoint.variable,
            f"{host} is {outside[0]}, outside this machine",
            "The rehearsal uses 127.0.0.1; for a real account choose -i inventories/production.",
        )
