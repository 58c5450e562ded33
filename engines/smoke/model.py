"""What is sent to a service, and what must come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SmokeTest:
    """One request and what must come back. ``headers`` hold values, or references (``ssm:/…``, ``env:…``).

    ``matches`` is a regular expression that must be found in the answer.

    ``latency_ms`` is the budget for the median over ``repeat`` requests; 0 is no budget.
    """

    name: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None
    text: str | None = None
    status: Sequence[int] = (200,)
    json: Mapping[str, Any] = field(default_factory=dict)
    json_contains: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    matches: str = ""
    latency_ms: float = 0
    repeat: int = 1


@dataclass(frozen=True)
class Route:
    """How a service is reached at its own name, whatever DNS says of that name yet.

    Connections go to ``connect_to`` (``host:port``, or a host with the URL's port), while SNI, ``Host`` and
    the certificate stay those of the URL; empty: as DNS says. ``ca_file`` has the authorities that are
    trusted (PEM); empty: those of this machine.
    """

    connect_to: str = ""
    ca_file: str = ""


DIRECT = Route()


@dataclass(frozen=True)
class Compared:
    """A request to both services; its own ``headers`` and ``ignore`` come on top of those for all."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = None
    text: str | None = None
    ignore: Sequence[str] = ()


@dataclass(frozen=True)
class Equality:
    """Requests to both services, whose answers must be equal but for the paths in ``ignore``."""

    reference_url: str
    requests: Sequence[Compared] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    reference_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ignore: Sequence[str] = ()
