"""When all requests slow down, and when only one object has to wait."""

from __future__ import annotations

from engines.objects.http import pace as module
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


def send(pace, key, *, at_once):
    """Send a request while others are under way, and let it be refused."""
    pace._until = 0
    pace.wait()
    pace.over()
    pace.refused(key, 0.0, at_once)


def test_a_store_that_serves_only_so_many_at_once_is_sent_no_more():
    pace = Pace()
    for number, at_once in enumerate([40, 30, 21, 25]):
        send(pace, f"{number}", at_once=at_once)
        assert pace.limit > 1000
    for number in range(4):
        pace.served(f"{number}")
    # One of them may have been refused for another reason.
    assert pace.limit == 24
    for number in range(4):
        send(pace, f"{number}", at_once=21)
        pace.served(f"{number}")
    assert pace.limit == 20


def test_an_object_that_is_never_served_changes_nothing_for_the_others():
    pace = Pace()
    for _ in range(10):
        for number in range(20):
            send(pace, f"lost-{number}", at_once=16)
            pace.served("other")
    assert pace.limit > 1000


def test_after_a_while_more_are_sent_again(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    pace = Pace()
    for number in range(4):
        send(pace, f"{number}", at_once=21)
        pace.served(f"{number}")
        pace._until = 0
    assert pace.limit == 20
    pace.served("k")
    assert pace.limit == 20
    now += 2.1
    pace.served("k")
    pace.served("k")
    assert pace.limit == 22
