"""A certificate, a record and the way to them, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

PENDING, ISSUED = "PENDING_VALIDATION", "ISSUED"


@dataclass(frozen=True)
class Cname:
    """A record that proves to ACM whose the domain is."""

    name: str
    value: str

    def line(self) -> str:
        """Return it as a zone file has it."""
        return f"{self.name} 300 IN CNAME {self.value}"


@dataclass(frozen=True)
class Certificate:
    """A certificate as ACM describes it. ``records`` are empty for a moment after the request."""

    arn: str
    status: str
    names: tuple[str, ...]
    records: tuple[Cname, ...] = ()
    reason: str = ""
    ends: datetime | None = None

    def covers(self, domain: str) -> bool:
        """Return whether a browser takes it for ``domain``: a wildcard stands for one label."""
        parent = domain.partition(".")[2]
        return any(name.lower() in {domain.lower(), f"*.{parent}".lower()} for name in self.names)


@dataclass(frozen=True)
class Destination:
    """The load balancer to which a domain is to lead: its DNS name, and the zone that AWS has it in."""

    dns_name: str
    zone_id: str


Standing = Literal["set", "created", "moved", "elsewhere", "by hand"]


@dataclass(frozen=True)
class Plan:
    """What becomes of a domain's record. ``changes`` is one batch for Route 53, which takes all or none."""

    standing: Standing
    text: str
    changes: Sequence[Mapping[str, Any]] = ()
