"""Which run a process of this machine belongs to, who owns that run, and whether it still lives."""

from engines.runs import processes
from engines.runs.owner import Owner

__all__ = ["Owner", "processes"]
