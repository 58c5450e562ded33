"""How two databases differ: objects, tables, single rows, and the report of it."""

from __future__ import annotations

from engines.postgres.diff import access
from engines.postgres.diff.comparison import (
    Comparison,
    LargeObjectsResult,
    NotCompared,
    SequenceResult,
    TableResult,
)
from engines.postgres.diff.materialized_views import View
from engines.postgres.diff.report import evidence

__all__ = [
    "Comparison",
    "LargeObjectsResult",
    "NotCompared",
    "SequenceResult",
    "TableResult",
    "View",
    "access",
    "bisect",
    "evidence",
    "materialized_views",
    "report",
]
