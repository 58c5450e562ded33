from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from rehearsal.emulator.services.stopping import Stopper

CRASHED = {"stoppedReason": "Essential container in task exited", "desiredStatus": "RUNNING"}


def stopper(task: dict) -> tuple[Stopper, list[dict]]:
    """Return a stopper of an emulator with one task, and what it asked the emulator to stop at once."""
    asked: list[dict] = []
    ecs = SimpleNamespace(
        _stop_task=asked.append,
        _resolve_task=lambda name, cluster: task,
        _resolve_cluster_name=lambda name: name,
        _task_is_active=lambda arn, found: True,
        _sanitize=lambda found: found,
        json_response=lambda body: body,
        resource_lock=lambda kind, arn: contextlib.nullcontext(),
    )
    return Stopper(ecs, lambda groups, places: None), asked


@pytest.mark.parametrize("status", ["STOPPED", "DEPROVISIONING"])
def test_a_task_that_has_ended_by_itself_keeps_its_reason(status: str) -> None:
    """The scheduler was late: three crashes were told as 'Deployment completed', exit code 0."""
    task = {"taskArn": "arn:task/1", "lastStatus": status, **CRASHED}
    one, asked = stopper(task)
    one.stop_task({"task": "1", "reason": "Deployment completed"})
    assert not asked
    assert task["stoppedReason"] == CRASHED["stoppedReason"]


def test_one_that_has_yet_to_start_is_stopped_by_the_scheduler() -> None:
    task = {
        "taskArn": "arn:task/1",
        "lastStatus": "PENDING",
        "desiredStatus": "RUNNING",
        "_deployment_id": "d",
    }
    one, asked = stopper(task)
    one.stop_task({"task": "1", "reason": "Deployment completed"})
    assert [request["reason"] for request in asked] == ["Scaling activity initiated by (deployment d)"]
