"""What can go wrong in a rollback of the database."""

from __future__ import annotations

from engines.errors import EngineError


class RollbackError(EngineError):
    """The database does not go back: what was restored is not usable, or AWS does not go on."""
