"""What the benchmark of objects copies is the same each time, and what it asks of s3_mirror is told truly."""

from __future__ import annotations

import zlib

import pytest

from bench.harness import Sample
from bench.measure import Usage
from bench.objects import COMPARE, GOALS, MIRROR, TUNED, Goal, reported
from bench.objects_data import KIB, MIB, data_sets


def test_the_data_are_the_same_each_time_and_do_not_shrink():
    first, again = ([(one.key, one.body) for one in data_sets(0.005)["mixed"].items()] for _ in range(2))
    assert first == again
    assert len({body for _, body in first}) == len(first) == 15
    whole = b"".join(body for _, body in first)
    assert len(zlib.compress(whole)) >= len(whole)


def test_the_sets_are_what_they_are_called():
    sets = data_sets()
    assert (sets["small"].count, sets["small"].total) == (10_000, 10_000 * 4 * KIB)
    assert (sets["large"].count, sets["large"].total) == (24, 24 * 64 * MIB)
    sizes = sorted(one.size for one in sets["mixed"].items())
    assert len(sizes) == 3000
    assert 0.9 * 1024 * MIB < sum(sizes) < 1.1 * 1024 * MIB
    assert sizes[1500] < 64 * KIB < MIB < sizes[-100]


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        (Goal(TUNED, "seconds", 0.5), "2.00 times the speed of rclone tuned (at least 2.00): holds"),
        (Goal(TUNED, "seconds", 0.4), "2.00 times the speed of rclone tuned (at least 2.50): DOES NOT HOLD"),
        (Goal(TUNED, "cpu", 0.7), "0.75 of the CPU of rclone tuned (at most 0.70): DOES NOT HOLD"),
        (Goal("nobody", "cpu", 0.7), ""),
    ],
)
def test_a_goal_says_whether_it_holds(goal, line):
    samples = [Sample(MIRROR, Usage(1, 3, 0, 0)), Sample(TUNED, Usage(2, 4, 0, 0))]
    assert goal.reported(samples) == line


def test_a_comparison_has_a_goal_of_its_own():
    samples = [Sample(COMPARE, Usage(1, 1, 0, 0)), Sample("rclone check --download", Usage(2, 2, 0, 0))]
    assert reported("check", samples)[0].startswith("2.00 times the speed of rclone check --download")


def test_memory_is_that_of_s3_mirror_alone():
    samples = [Sample(MIRROR, Usage(1, 1, 0, 100_000_000)), Sample(TUNED, Usage(1, 1, 0, 900_000_000))]
    assert reported("rerun", samples)[-1] == "100 MB at the most (at most 256): holds"
    assert {goal.base for goals in GOALS.values() for goal in goals} >= {TUNED}
