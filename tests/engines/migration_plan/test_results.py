"""The plan as lines of text."""

from __future__ import annotations

import pytest

from engines.migration_plan.results import amount, duration


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1 << 20, "1.0 MiB"), (5 << 40, "5.0 TiB")]
)
def test_amounts(size, text):
    assert amount(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (600, "10 min"), (7260, "2 h 1 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
