"""How large a sweep is, and what its random choices begin with.

``make test`` runs a small sample of every sweep, the same one each time. ``make stress`` runs all of it with
a seed of its own, which it prints; ``STRESS_SEED`` repeats that run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
STRESS = os.environ.get("STRESS") == "1"
SEED = int(os.environ.get("STRESS_SEED", "20"))


def size(sample: int, full: int) -> int:
    """Return how many cases a sweep makes up: ``sample`` of them in ``make test``."""
    return full if STRESS else sample


def some(cases: Sequence[T], sample: int) -> list[T]:
    """Return the cases that a sweep runs, in their order: ``sample`` of them in ``make test``."""
    if STRESS or sample >= len(cases):
        return list(cases)
    chosen = set(random.Random(SEED).sample(range(len(cases)), sample))
    return [case for number, case in enumerate(cases) if number in chosen]
