"""The result of this package as the return values of the module ``alembic_upgrade``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engines.schema.model import Result


def as_result(result: Result) -> dict[str, Any]:
    """Return what the module documents."""
    listing = "".join(f"-- Revision {one.revision}: {one.title}\n" for one in result.applied)
    return {
        "changed": bool(result.applied),
        "from": ", ".join(result.before),
        "to": ", ".join(result.after),
        "applied": [asdict(one) for one in result.applied],
        "dropped_indexes": [str(one) for one in result.dropped],
        "invalid_indexes": [str(one) for one in result.invalid],
        "sql": result.sql,
        "seconds": result.seconds,
        "diff": {"before": "", "after": result.sql or listing},
    }


def warnings(result: Result) -> list[str]:
    """Return the warnings for the user."""
    return [
        f"The index {one} is invalid, so that no query uses it: a build was cut off. "
        f"Remove it with `{one.removal}`, and build it anew if it is needed."
        for one in result.invalid
    ]
