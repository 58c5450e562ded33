"""The time left: recorded copies are replayed at the moments of their record, and what was told is compared.

``recordings`` are real ones of `python -m bench.eta`. ``large`` has 1.25 GB in five tables with eleven
indexes, ``wide`` two tables, of which the second holds text that is stored compressed: how much longer that
takes is known only once its first rows are in.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from engines.postgres.copy.progress import Progress
from engines.postgres.copy.progress.estimate import Estimate, Load

RECORDINGS = Path(__file__).parent / "recordings"


def replayed(path):
    """Yield each moment a time was told: seconds since the begin, seconds left as told and as they were."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    (_, _, found), end = lines[0], lines[-1][0]
    loads = {key: Load(*one) for key, one in found["loads"].items()}
    estimate = Estimate(loads, found["after"], found["jobs"], found["prepared"])
    began, now, reported = lines[0][0] - found["prepared"], lines[0][0], []
    progress = Progress([], lambda kind, **fields: reported.append(fields), clock=lambda: now)
    progress.expect(estimate)
    for at, kind, *what in lines[1:]:
        now = at
        if kind in {"started", "ended"}:
            progress.step(what[0], kind == "ended")
        elif kind == "streamed":
            progress._streamed = what[0]
            progress.steps(0, 0)
        if reported and reported[-1]["seconds_left"] is not None:
            yield at - began, reported[-1]["seconds_left"], end - at, reported[-1]["share"]
        reported.clear()


@pytest.mark.parametrize(("name", "since"), [("large", 0.25), ("wide", 0.6)])
def test_after_the_first_quarter_the_time_left_is_within_a_third(name, since):
    moments = list(replayed(RECORDINGS / f"{name}.jsonl"))
    whole = moments[-1][0] + moments[-1][2]
    # Of the last second a third is an instant.
    wrong = [
        (round(at / whole, 2), reported, round(left, 1))
        for at, reported, left, _ in moments
        if at >= since * whole and abs(reported - left) > max(0.35 * left, 0.03 * whole)
    ]
    assert wrong == []
    assert all(one[3] <= other[3] for one, other in pairwise(moments))


def estimate(jobs=2, prepared=0.0, **loads):
    """``name=(kind, amount, table, after)``."""
    found = {key: (*one, *("", ())[len(one) - 2 :]) for key, one in loads.items()}
    return Estimate(
        {key: Load(*one[:3]) for key, one in found.items()},
        {key: one[3] for key, one in found.items()},
        jobs,
        prepared,
    )


def took(found, key, begin, end):
    found.started(key, begin)
    found.ended(key, end)


def test_before_a_step_has_ended_the_stream_reports_the_rate_of_rows():
    found = estimate(a=("rows", 9e6), b=("rows", 9e6), jobs=1)
    found.started("a", 0.0)
    # Of 9 MB of a table the stream has a tenth less: half of it came in five seconds.
    assert found.left(5.0, 4.05e6) == pytest.approx(15)


def test_what_an_index_takes_is_measured_as_soon_as_one_has_ended():
    found = estimate(rows=("rows", 1e8), one=("scripts", 1e8), two=("scripts", 1e8), jobs=1)
    took(found, "rows", 0.0, 10.0)
    guessed = found.left(10.0, 0)
    assert guessed == pytest.approx(10)
    took(found, "one", 10.0, 60.0)
    # The guess still weighs a little.
    assert 40 < found.left(60.0, 0) < 50


def test_a_table_whose_rows_take_longer_has_a_rate_of_its_own():
    slow = {f"s{number}": ("rows", 1e8, "slow") for number in (1, 2)}
    found = estimate(jobs=1, quick=("rows", 1e8, "quick"), **slow)
    took(found, "quick", 0.0, 1.0)
    took(found, "s1", 1.0, 21.0)
    assert found.left(21.0, 0) == pytest.approx(20, rel=0.1)


def test_a_step_that_takes_longer_than_expected_is_not_about_to_end():
    found = estimate(rows=("rows", 1e8), one=("scripts", 1e7), two=("scripts", 1e7), jobs=1)
    took(found, "rows", 0.0, 10.0)
    found.started("one", 10.0)
    assert found.left(40.0, 0) > 20


def test_what_waits_for_each_other_is_not_shared_by_the_workers():
    chain = estimate(a=("rows", 1e8, "t"), b=("rows", 1e8, "t", ("a",)), c=("rows", 1e8, "t", ("b",)))
    took(chain, "a", 0.0, 10.0)
    assert chain.left(10.0, 0) == pytest.approx(20)


def test_what_comes_after_the_steps_is_a_part_of_what_came_before_them():
    found = estimate(prepared=8.0, a=("small scripts", 3))
    took(found, "a", 0.0, 1.0)
    assert found.left(1.0, 0) == 2.0
