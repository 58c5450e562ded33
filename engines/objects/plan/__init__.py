"""The plan of a copy: what to do with each object, decided before anything is written."""

from engines.objects.plan.decisions import Decision, Rules, Tally, Verdict, decide, refusals
from engines.objects.plan.inspection import CopyPlan, both_listed, make_plan, probed
from engines.objects.plan.model import ANYTHING, CopyTask, Extra, ObjectPair
from engines.objects.plan.object_diff import description, diff_object, differing, flat
from engines.objects.plan.tag_check import positions, recorded_tags, tags_differ

__all__ = [
    "ANYTHING",
    "CopyPlan",
    "CopyTask",
    "Decision",
    "Extra",
    "ObjectPair",
    "Rules",
    "Tally",
    "Verdict",
    "both_listed",
    "decide",
    "description",
    "diff_object",
    "differing",
    "flat",
    "make_plan",
    "positions",
    "probed",
    "recorded_tags",
    "refusals",
    "tags_differ",
]
