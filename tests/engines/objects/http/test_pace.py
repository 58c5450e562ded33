"""When all requests slow down, and when only one object has to wait."""

from __future__ import annotations

from engines.objects.http.pace import FIRST_PAUSE, LONGEST_PAUSE, Pace


def refuse(pace, *keys, seconds=0.0):
    for key in keys:
        pace._until = 0
        pace.refused(key, seconds)


def test_a_few_objects_that_are_refused_slow_nobody_down():
    pace = Pace()
    for _ in range(100):
        refuse(pace, "bad-1", "bad-2", "bad-3")
    assert not pace.is_slow
    pace = Pace()
    for number in range(100):
        pace.served()
        pace.served()
        refuse(pace, f"bad-{number}")
    assert not pace.is_slow


def test_a_store_that_refuses_many_objects_is_asked_less_and_less_until_it_serves_again():
    pace = Pace()
    refuse(pace, "a", "b", "c")
    assert not pace.is_slow
    refuse(pace, "d")
    assert pace._pause == FIRST_PAUSE
    pace.refused("e")  # the same burst
    assert pace._pause == FIRST_PAUSE
    refuse(pace, "f")
    assert pace._pause == 2 * FIRST_PAUSE
    refuse(pace, *"abcdefghijkl")
    assert pace._pause == LONGEST_PAUSE
    for _ in range(200):
        pace.served()
    assert not pace.is_slow


def test_a_pause_is_at_least_as_long_as_the_store_asks_for():
    pace = Pace()
    refuse(pace, "a", "b", "c", "d", seconds=30.0)
    assert pace._pause == 30
