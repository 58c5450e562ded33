"""What can go wrong with a domain."""

from __future__ import annotations

from engines.errors import EngineError


class DomainError(EngineError):
    """A certificate, a zone or a record is not as it has to be."""


class NoZoneError(DomainError):
    """The account has no such public hosted zone."""
