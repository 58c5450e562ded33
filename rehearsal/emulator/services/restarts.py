"""Pauses between the tasks of a service that cannot start, which the emulated ECS lacks.

AWS waits longer and longer between them. Without that, a service of an image that is not there keeps a core
busy for as long as it exists, and every answer of the account waits for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

# So many a circuit breaker may want to see at once; then a pause of so many seconds at first and at most.
_AT_ONCE = 10
_PAUSE = (0.1, 2.0)
_LOOK = 0.1

Fail = Callable[[dict[str, Any], Any, str], None]


class Restarts:
    """Keeps a task of ``ecs`` (the emulator's module) that failed to start from being replaced at once."""

    def __init__(self, ecs: Any, fail: Fail, pause: Callable[[float], None] = time.sleep) -> None:
        self._ecs, self._fail, self._pause = ecs, fail, pause
        self._failed: Counter[tuple[str, ...]] = Counter()

    def fail(self, task: dict[str, Any], engine: Any, reason: str) -> None:
        """Report that a task could not be started, after a pause where that has happened often."""
        left = self._seconds(task)
        while left > 0 and self._ecs._task_is_active(task["taskArn"], task):
            self._pause(min(left, _LOOK))
            left -= _LOOK
        self._fail(task, engine, reason)

    def _seconds(self, task: Mapping[str, Any]) -> float:
        group = str(task.get("group", ""))
        if not group.startswith("service:"):
            return 0.0
        service = (task["clusterArn"], group, task["taskDefinitionArn"])
        self._failed[service] += 1
        more = self._failed[service] - _AT_ONCE
        return min(_PAUSE[0] * 2.0 ** min(more, 30), _PAUSE[1]) if more > 0 else 0.0
