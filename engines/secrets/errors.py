"""What can go wrong with a parameter."""

from __future__ import annotations

from engines.errors import EngineError


class SecretError(EngineError):
    """A parameter cannot be brought to what is wanted; never holds a value."""
