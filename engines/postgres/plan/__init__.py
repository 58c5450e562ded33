"""What a copy will do, what it refuses and what it does not copy: decided before anything is changed."""

from __future__ import annotations

from engines.postgres.plan import (
    adjustments,
    clone_plan,
    guards,
    inspection,
    integrity,
    not_copied,
    oid_references,
    trigger_switch,
    unsupported,
)
from engines.postgres.plan.adjustments import Adjustments
from engines.postgres.plan.clone_plan import CloneOptions, Plan, State, TablePlan, default_jobs
from engines.postgres.plan.inspection import Inspection
from engines.postgres.plan.oid_references import OidReferences
from engines.postgres.plan.row_counts import counted
from engines.postgres.plan.trigger_switch import TRIGGERS_ON, TriggerSwitch

__all__ = [
    "TRIGGERS_ON",
    "Adjustments",
    "CloneOptions",
    "Inspection",
    "OidReferences",
    "Plan",
    "State",
    "TablePlan",
    "TriggerSwitch",
    "adjustments",
    "clone_plan",
    "counted",
    "default_jobs",
    "guards",
    "inspection",
    "integrity",
    "not_copied",
    "oid_references",
    "trigger_switch",
    "unsupported",
]
