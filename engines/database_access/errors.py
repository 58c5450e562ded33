"""What can be wrong with the way to a database."""

from __future__ import annotations

from engines.errors import EngineError


class AccessError(EngineError):
    """The database cannot be reached, or who answers there is not it. Nothing was moved."""
