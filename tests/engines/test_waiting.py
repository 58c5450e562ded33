"""As long as something moves there is time; when nothing does, it is told."""

import pytest

from engines import waiting
from engines.waiting import wait


class StuckError(Exception):
    pass


@pytest.fixture(autouse=True)
def _time(monkeypatch, clock):
    monkeypatch.setattr(waiting, "time", clock)


def _wait(seen, timeout):
    return wait(
        lambda: seen.pop(0) if len(seen) > 1 else seen[0],
        lambda number: number == 0,
        lambda number: number,
        timeout=timeout,
        stuck=lambda number: StuckError(f"still {number}"),
    )


def test_what_is_done_is_returned_at_once():
    assert _wait([0], timeout=0) == 0


def test_there_is_time_while_it_moves():
    # Two pauses, of 0.2 s and 0.4 s, neither of which is longer than what is allowed.
    assert _wait([2, 1, 0], timeout=0.5) == 0


def test_what_does_not_move_is_reported():
    with pytest.raises(StuckError, match="still 2"):
        _wait([3, 2], timeout=0.3)
