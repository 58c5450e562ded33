"""Workers: all steps are done, and the first failure ends everything."""

from __future__ import annotations

import threading

import pytest

from engines.postgres.copy import worker_pool
from engines.postgres.copy.scheduler import Scheduler, Task


class Hand:
    """A worker whose work is a function."""

    def __init__(self, log):
        self.log, self.halt = log, threading.Event()

    def do(self, work):
        work(self)

    def stop(self):
        self.log.append("stopped")
        self.halt.set()

    def close(self):
        self.log.append("closed")


def run(steps, *, jobs=2, beat=lambda: None):
    log, before = [], set(threading.enumerate())
    try:
        worker_pool.run(Scheduler(steps), lambda: Hand(log), jobs=jobs, beat=beat)
    finally:
        # Those of earlier tests may end meanwhile.
        assert set(threading.enumerate()) <= before
    return log


def test_each_step_is_done_once_after_what_it_needs():
    done = []
    steps = [
        Task(str(number), lambda hand, number=number: done.append(number), 1, frozenset(after))
        for number, after in ((1, ()), (2, "1"), (3, "1"), (4, "23"))
    ]
    log = run(steps)
    assert sorted(done) == [1, 2, 3, 4]
    assert (done[0], done[-1]) == (1, 4)
    assert set(log) == {"closed"}


def test_nothing_to_do_hires_nobody():
    assert run([]) == []


def test_a_failure_breaks_off_the_others_and_is_raised():
    def fail(hand):
        raise KeyError("oops")

    def wait(hand):
        assert hand.halt.wait(30)

    with pytest.raises(KeyError, match="oops"):
        run([Task("wait", wait, 2), Task("fail", fail, 1), Task("never", None, 0, frozenset({"fail"}))])


def test_a_failing_look_breaks_off_everything():
    def beat():
        raise ConnectionError("the lock is gone")

    with pytest.raises(ConnectionError, match="lock"):
        run(
            [Task("quick", lambda hand: None, 2), Task("wait", lambda hand: hand.halt.wait(30), 1)], beat=beat
        )
