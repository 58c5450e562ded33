from __future__ import annotations

import pytest

from engines.ecs import traffic
from engines.ecs.inspection import Target

BALANCED = {"status": "ACTIVE", "loadBalancers": [{"targetGroupArn": "group"}]}
HEALTHY, UNHEALTHY = Target("10.0.0.1", 8000, "healthy", ""), Target("10.0.0.1", 8000, "initial", "")


def deployment(state: str, running: int = 0, status: str = "PRIMARY") -> dict:
    return {"status": status, "rolloutState": state, "runningCount": running}


@pytest.mark.parametrize(
    ("deployments", "targets", "expected"),
    [
        ([], (), "absent"),
        ([deployment("IN_PROGRESS")], (), "starting"),
        ([deployment("IN_PROGRESS", 1)], (UNHEALTHY,), "starting"),
        ([deployment("IN_PROGRESS", 1)], (UNHEALTHY, HEALTHY), "serving"),
        ([deployment("COMPLETED", 1)], (HEALTHY,), "serving"),
        # Scaled to nothing by hand: its rows are users' rows.
        ([deployment("COMPLETED", 0)], (), "serving"),
        ([deployment("FAILED", 0)], (), "absent"),
        # It may get healthy after the run has ended.
        ([deployment("FAILED", 1)], (UNHEALTHY,), "starting"),
        ([{**deployment("FAILED"), "pendingCount": 1}], (), "starting"),
        ([deployment("FAILED", 1)], (HEALTHY,), "serving"),
        ([deployment("IN_PROGRESS"), deployment("COMPLETED", 1, "ACTIVE")], (HEALTHY,), "serving"),
    ],
)
def test_what_users_have_seen(deployments: list, targets: tuple, expected: str) -> None:
    assert traffic.judge({**BALANCED, "deployments": deployments}, targets) == expected


def test_without_a_load_balancer_a_task_that_runs_serves() -> None:
    found = {"status": "ACTIVE", "deployments": [deployment("IN_PROGRESS", 1)]}
    assert traffic.judge(found, ()) == "serving"


def test_what_is_not_there_serves_nobody() -> None:
    assert traffic.judge(None, ()) == "absent"
    deleted = {**BALANCED, "status": "INACTIVE", "deployments": [deployment("COMPLETED")]}
    assert traffic.judge(deleted, ()) == "absent"
