"""Copying a PostgreSQL database into another, and proving that the copy is equal.

``clone`` inspects both databases, plans, copies and verifies; ``compare`` proves. Everything runs as an
ordinary role that owns the target database, as on a managed PostgreSQL. The rooms, from the bottom:
``session``, ``catalog``, ``large_objects``, ``plan``, ``checksum``, ``copy``, ``diff``; each imports only
those before it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.postgres import baseline, replacement
    from engines.postgres.clone import CloneResult, clone_database, clone_or_replace, plan_for_absent_target
    from engines.postgres.compare import compare_databases, require_equal
    from engines.postgres.results import clone_result, compare_result

__all__ = [
    "CloneResult",
    "baseline",
    "clone_database",
    "clone_or_replace",
    "clone_result",
    "compare_databases",
    "compare_result",
    "plan_for_absent_target",
    "replacement",
    "require_equal",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load what a clone or a comparison needs when it is first used: most callers only want a session."""
        if name in {"baseline", "replacement"}:
            return import_module(f"{__name__}.{name}")
        if name in __all__:
            for module in ("clone", "compare", "results"):
                found = getattr(import_module(f"{__name__}.{module}"), name, None)
                if found is not None:
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
