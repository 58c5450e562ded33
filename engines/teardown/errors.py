"""What can go wrong in a teardown."""

from __future__ import annotations

from engines.errors import EngineError


class TeardownError(EngineError):
    """A part of the platform cannot be taken down, or is still there."""
