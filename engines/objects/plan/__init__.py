"""What is to be done with each object, found out before anything is written."""

from engines.objects.plan.decisions import Decision, Rules, Tally, Verdict, decide, differing, refusals
from engines.objects.plan.inspection import (
    Extra,
    Pair,
    Survey,
    both_listed,
    description,
    flat,
    read_both,
    surveyed,
)
from engines.objects.plan.model import Order

__all__ = [
    "Decision",
    "Extra",
    "Order",
    "Pair",
    "Rules",
    "Survey",
    "Tally",
    "Verdict",
    "both_listed",
    "decide",
    "description",
    "differing",
    "flat",
    "read_both",
    "refusals",
    "surveyed",
]
