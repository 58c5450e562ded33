"""What can go wrong with a stack."""

from __future__ import annotations

from engines.errors import EngineError


class StackError(EngineError):
    """A stack could not be brought to its wanted state."""


class DriftError(EngineError):
    """AWS could not detect drift."""
