from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from rehearsal.emulator.services.restarts import Restarts

TASK = {"taskArn": "1", "clusterArn": "c", "group": "service:s", "taskDefinitionArn": "d:1"}


def failing(task: dict[str, Any], times: int, *, active: bool = True) -> tuple[list[float], list[str]]:
    """Let a task fail to start so often; return the pauses in all, and what was reported."""
    pauses: list[float] = []
    reported: list[str] = []
    ecs = SimpleNamespace(_task_is_active=lambda arn, found: active)
    restarts = Restarts(ecs, lambda task, engine, reason: reported.append(reason), pauses.append)
    waited = []
    for _ in range(times):
        before = sum(pauses)
        restarts.fail(task, None, "why")
        waited.append(round(sum(pauses) - before, 2))
    return waited, reported


def test_a_service_that_cannot_start_is_tried_more_and_more_seldom() -> None:
    waited, reported = failing(TASK, 20)
    assert waited[:10] == [0] * 10, "a circuit breaker would wait for the failures that it counts"
    assert waited[10:14] == [0.2, 0.4, 0.8, 1.6]
    assert set(waited[14:]) == {2.0}
    assert reported == ["why"] * 20


def test_a_task_of_nobody_and_one_that_is_stopped_meanwhile_wait_for_nothing() -> None:
    assert sum(failing({**TASK, "group": "family:s"}, 20)[0]) == 0
    assert sum(failing(TASK, 20, active=False)[0]) == 0
