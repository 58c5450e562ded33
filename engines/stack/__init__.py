"""The CloudFormation stack: its template, plan, drift, import and deletion."""

from engines.stack import events, lifecycle
from engines.stack.drift import detect
from engines.stack.errors import DriftError, StackError
from engines.stack.inspection import read
from engines.stack.model import DATA, Drift, Stack
from engines.stack.plan import Plan, Wanted, make
from engines.stack.recovery import explain, recover
from engines.stack.resource_import import adopt
from engines.stack.results import as_result
from engines.stack.template import Bucket, merge, with_buckets
from engines.stack.template import logical_ids as bucket_ids

__all__ = [
    "DATA",
    "Bucket",
    "Drift",
    "DriftError",
    "Plan",
    "Stack",
    "StackError",
    "Wanted",
    "adopt",
    "as_result",
    "bucket_ids",
    "detect",
    "events",
    "explain",
    "lifecycle",
    "make",
    "merge",
    "read",
    "recover",
    "with_buckets",
]
