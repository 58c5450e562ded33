"""What must be there before the migration begins: programs, space, the source, and the right account."""

from engines.preflight.prerequisites.checks import check

__all__ = ["check"]
