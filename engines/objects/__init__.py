"""Objects: copy a bucket from one S3 store to another, and prove that every object arrived.

The source is only read. ``mirror`` plans (``plan``, pure), copies, and records a proof per object
(``manifest``); ``compare`` checks the two sides again, independently. Keys are relative to the prefix of
their side.
"""

from engines.objects.buckets import (
    BucketPair,
    bucket_options,
    bucket_pairs,
    check_consent,
    combined,
    for_each_pair,
    side_options,
)
from engines.objects.compare import compare
from engines.objects.mirror import Options, mirror
from engines.objects.plan import Rules
from engines.objects.results import Comparison, MirrorResult, as_result, comparison_result
from engines.objects.s3 import Endpoint

__all__ = [
    "BucketPair",
    "Comparison",
    "Endpoint",
    "MirrorResult",
    "Options",
    "Rules",
    "as_result",
    "bucket_options",
    "bucket_pairs",
    "check_consent",
    "combined",
    "compare",
    "comparison_result",
    "for_each_pair",
    "mirror",
    "side_options",
]
