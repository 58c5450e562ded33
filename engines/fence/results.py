"""A fence as the return values of the module."""

from __future__ import annotations

from typing import Any

from engines.fence import plan
from engines.fence.model import Found, Terms


def as_result(found: Found, terms: Terms) -> dict[str, Any]:
    """Return what the module ``source_fence`` documents."""
    return {
        "mode": found.mode,
        "refuses": found.refuses,
        "run_id": found.run_id,
        "environment": found.environment,
        "ours": found.is_of(terms),
        "since": found.since,
        "tables": len(found.tables),
        "bare": [".".join(name) for name in found.bare],
        "plan": plan.lines(found, terms),
        "obstacles": plan.obstacles(found),
    }
