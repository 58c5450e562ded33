"""Polling with a timeout that starts anew whenever there is progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_PAUSE = (0.2, 10.0)  # seconds between two polls, at first and at most
_Seen = TypeVar("_Seen")


def wait(
    look: Callable[[], _Seen],
    done: Callable[[_Seen], bool],
    progress: Callable[[_Seen], object],
    *,
    timeout: float,
    stuck: Callable[[_Seen], Exception],
) -> _Seen:
    """Call ``look`` until its result is ``done``, and return that.

    Raises what ``stuck`` returns when ``progress`` has not changed for ``timeout`` seconds.
    """
    seen = look()
    moved, before, pause = time.monotonic(), progress(seen), _PAUSE[0]
    while not done(seen):
        if time.monotonic() - moved > timeout:
            raise stuck(seen)
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE[1])
        seen = look()
        if progress(seen) != before:
            moved, before = time.monotonic(), progress(seen)
    return seen
