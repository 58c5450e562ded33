"""Work on many items in threads."""

from __future__ import annotations

import threading

import pytest

from engines.objects.concurrency import parallel_map


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
        done.append(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(parallel_map(work, range(10_000), 2))
    assert len(done) < 100
