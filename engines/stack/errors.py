"""What can go wrong with a stack."""

from __future__ import annotations

from engines.errors import EngineError


class StackError(EngineError):
    """A stack cannot be brought to where it should be."""


class DriftError(EngineError):
    """AWS could not look."""
