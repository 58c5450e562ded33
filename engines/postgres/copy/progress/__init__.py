"""How far a copy is, as events, and how long it still takes."""

from engines.postgres.copy.progress.counts import Progress
from engines.postgres.copy.progress.estimate import Estimate

__all__ = ["Estimate", "Progress"]
