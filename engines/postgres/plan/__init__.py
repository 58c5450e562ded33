"""What a copy will do, what it refuses and what it does not copy: decided before anything is changed."""

from __future__ import annotations

from engines.postgres.plan import (
    adjustments,
    clone_plan,
    guards,
    inspection,
    not_copied,
    oid_references,
    unsupported,
)
from engines.postgres.plan.adjustments import Adjustments
from engines.postgres.plan.clone_plan import CloneOptions, Plan, State, default_jobs
from engines.postgres.plan.inspection import Inspection
from engines.postgres.plan.oid_references import OidReferences

__all__ = [
    "Adjustments",
    "CloneOptions",
    "Inspection",
    "OidReferences",
    "Plan",
    "State",
    "adjustments",
    "clone_plan",
    "default_jobs",
    "guards",
    "inspection",
    "not_copied",
    "oid_references",
    "unsupported",
]
