"""Waiting for something far away: as long as it moves there is time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_PAUSE = (0.2, 10.0)  # seconds between two looks, at first and at most
_Seen = TypeVar("_Seen")


def wait(
    look: Callable[[], _Seen],
    done: Callable[[_Seen], bool],
    progress: Callable[[_Seen], object],
    *,
    timeout: float,
    stuck: Callable[[_Seen], Exception],
) -> _Seen:
    """Look until what is seen is ``done``, and return it.

    When ``progress`` of it has stayed the same for ``timeout`` seconds, what ``stuck`` makes of it is raised.
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
