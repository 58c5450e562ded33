"""The stack's template: merged from parts, with its buckets, and evaluated so that two can be compared."""

from engines.stack.template import evaluate
from engines.stack.template.buckets import Bucket, logical_ids, with_buckets
from engines.stack.template.evaluate import Resource
from engines.stack.template.parts import merge

__all__ = ["Bucket", "Resource", "evaluate", "logical_ids", "merge", "with_buckets"]
