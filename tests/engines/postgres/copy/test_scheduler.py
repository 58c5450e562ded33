"""What starts when: literal steps, nothing is run."""

from __future__ import annotations

from graphlib import CycleError

import pytest

from engines.postgres.copy.scheduler import Scheduler, Task

A, B = ("s", "a"), ("s", "b")


def step(key, cost=1.0, after=(), **locks):
    names = {"a": A, "b": B}
    return Task(key, key, cost, frozenset(after), {names[name]: lock for name, lock in locks.items()})


def taken(schedule):
    """Return the keys of all that may start now."""
    found = []
    while (one := schedule.take()) is not None:
        found.append(one)
    return found


def keys(steps):
    return [one.key for one in steps]


def test_the_longest_way_to_the_end_starts_first():
    schedule = Scheduler(
        [step("small", 1), step("big", 5), step("first", 1), step("then", 9, after=["first"])]
    )
    started = taken(schedule)
    assert keys(started) == ["first", "big", "small"]
    schedule.finish(started[0])
    assert keys(taken(schedule)) == ["then"]


def test_no_two_steps_wait_for_one_lock():
    schedule = Scheduler(
        [
            step("index 1", 5, a="build"),
            step("index 2", 4, a="build"),
            step("key", 3, a="own", b="own"),
            step("rows of b", 2, b="write"),
            step("statistics", 1, a="tend"),
        ]
    )
    started = taken(schedule)
    # The key cannot start, and what matters less does not get in its way.
    assert keys(started) == ["index 1", "index 2"]
    schedule.finish(started[0])
    assert taken(schedule) == []
    schedule.finish(started[1])
    (own,) = taken(schedule)
    assert own.key == "key"
    schedule.finish(own)
    assert keys(taken(schedule)) == ["rows of b", "statistics"]


def test_parts_of_one_table_travel_together_and_statistics_do_not_disturb_them():
    schedule = Scheduler([step("part 1", 3, a="write"), step("part 2", 2, a="write"), step("s", 1, a="tend")])
    assert keys(taken(schedule)) == ["part 1", "part 2", "s"]


def test_a_mark_is_passed_when_all_before_it_is_done():
    mark = Task[str]("mark", after=frozenset({"one", "two"}))
    schedule = Scheduler([step("one"), step("two"), mark, step("end", after=["mark"])])
    one, two = taken(schedule)
    schedule.finish(one)
    assert taken(schedule) == []
    schedule.finish(two)
    (end,) = taken(schedule)
    assert not schedule.finished
    schedule.finish(end)
    assert schedule.finished
    assert schedule.done == 4


def test_a_circle_is_an_error():
    with pytest.raises(CycleError):
        Scheduler([step("one", after=["two"]), step("two", after=["one"])])
