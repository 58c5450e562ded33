"""Work on many items in threads."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from engines.objects.concurrency import FIRST, MOST, Throttle, parallel_map


def test_work_is_taken_only_as_fast_as_it_is_done():
    taken, gate = [], threading.Event()

    def items():
        for number in range(1_000):
            taken.append(number)
            yield number

    answers = parallel_map(lambda number: (number == 0 or gate.wait(60)) and number, items(), 2)
    next(answers)
    assert len(taken) <= 16
    gate.set()
    assert len(list(answers)) == 999


def test_the_first_error_ends_the_work():
    done = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        time.sleep(0.001)  # so that others do not do all of it before the one that fails has done so
        done.append(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(parallel_map(work, range(10_000), 2))
    assert len(done) < 5_000


def items_per_second(latency, most):
    """Return how fast a store at a distance is: nobody gains by more requests at once than ``most``."""
    return lambda threads: min(threads, most) / latency


@pytest.mark.parametrize(
    ("rate", "limit"),
    [
        (items_per_second(0.042, 1000), MOST),
        (items_per_second(0.042, 60), 64),
        (items_per_second(0.002, 4), FIRST),
        (lambda _: 3.0, FIRST),
    ],
    ids=["far", "a store that serves 60 at once", "near", "large objects"],
)
def test_threads_are_added_while_they_get_more_done(rate, limit):
    now = 0.0
    throttle = Throttle(lambda: now)
    limits = []
    while now < 120:
        now += 1 / rate(throttle.limit)
        throttle.done(0)
        limits.append(throttle.limit)
    # It is tried again whether more help, but seldom.
    assert sum(1 for one, other in pairwise(limits) if other > one) <= 20
    assert sum(1 for one in limits if one == limit) > len(limits) * 0.7


def test_a_distance_is_made_up_for_within_a_second():
    now = 0.0
    throttle = Throttle(lambda: now)
    while throttle.limit < MOST:
        now += 0.042 / throttle.limit
        throttle.done(0)
    assert now < 1.0


def test_bytes_are_work_too():
    now = 0.0
    throttle = Throttle(lambda: now)
    # A pipe of 100 MiB a second, which 16 threads fill: objects of 10 MiB, then of 1 MiB.
    for size in [10 << 20] * 100 + [1 << 20] * 1000:
        now += size / (100 << 20)
        throttle.done(size)
    assert throttle.limit in {FIRST, 2 * FIRST}


def test_work_goes_on_in_more_threads_where_each_waits():
    at_once, most, lock = [0], [0], threading.Lock()

    def work(number):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.02)
        with lock:
            at_once[0] -= 1
        return number

    assert sorted(parallel_map(work, range(2000), 0)) == list(range(2000))
    assert most[0] > FIRST
    assert not [one for one in threading.enumerate() if one.name.startswith("objects-")]


@pytest.mark.parametrize("jobs", [0, 3])
def test_few_items_and_none_are_worked_on_whatever_the_number_of_threads(jobs):
    assert list(parallel_map(str, [], jobs)) == []
    assert sorted(parallel_map(str, range(2), jobs)) == ["0", "1"]
