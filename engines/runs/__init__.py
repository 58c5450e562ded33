"""Processes of this machine: which run one belongs to, who owns the run, and whether it is still alive."""

from engines.runs import processes
from engines.runs.owner import Owner, without_values

__all__ = ["Owner", "processes", "without_values"]
