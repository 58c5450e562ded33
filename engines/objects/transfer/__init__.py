"""Objects on their way: one request or many parts, hashed as they pass."""

from engines.objects.transfer.ambiguous_keys import (
    explained,
    is_odd,
    misplaced,
    mistaken,
    without_what_is_not_kept,
)
from engines.objects.transfer.buffers import Buffers
from engines.objects.transfer.multipart import Checksums, Lane, abandon, unfinished
from engines.objects.transfer.object_copy import Carried, Mover

__all__ = [
    "Buffers",
    "Carried",
    "Checksums",
    "Lane",
    "Mover",
    "abandon",
    "explained",
    "is_odd",
    "misplaced",
    "mistaken",
    "unfinished",
    "without_what_is_not_kept",
]
