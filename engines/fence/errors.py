"""What can be wrong with the fence around the source."""

from __future__ import annotations

from engines.errors import EngineError


class FenceError(EngineError):
    """The fence could not be put up, kept or taken away."""


class FenceBusyError(FenceError):
    """Writers have not released the tables in time. ``details`` lists their sessions."""


class FenceForeignError(FenceError):
    """The fence belongs to another run or environment."""


class FenceImpossibleError(FenceError):
    """Triggers cannot be made here, or would not see everything. ``details`` lists why."""


class FenceLapsedError(FenceError):
    """The fence had opened before it was made lasting: there may be writes after the comparison."""
