"""Patches of the ECS service scheduler: a rollout is complete when users can be served by it.

One function patches each gap, and a test shows when it can go.
"""

from __future__ import annotations

from typing import Any

from rehearsal.emulator.services import Prober, Scheduler, ServiceLocks, Stopper, wire_shape

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415


def complete_rollouts_on_health(prober: Prober, stopper: Stopper) -> None:
    """Let a deployment be complete when its targets are healthy, and count tasks that never are."""
    from ministack.services import ecs

    scheduler = Scheduler(ecs, lambda group, address, port: prober.of((group, address, port)), stopper.stop)
    complete = ecs._complete_service_deployment
    record_healthy = ecs._record_service_task_healthy
    make = ecs._make_deployment

    def complete_when_healthy(cluster: str, key: str, expected_deployment_id: str | None = None) -> None:
        service = ecs._services.get(key)
        if service and all(
            scheduler.is_healthy(service, task)
            for _, task in scheduler.tasks(service)
            if ecs._deployment_for_task(service, task) is ecs._primary_deployment(service)
        ):
            complete(cluster, key, expected_deployment_id=expected_deployment_id)

    def record_when_healthy(key: str, task: dict[str, Any]) -> None:
        service = ecs._services.get(key)
        if service and scheduler.is_healthy(service, task):
            record_healthy(key, task)

    def make_in_progress(*arguments: Any, **options: Any) -> dict[str, Any]:
        # The first deployment of a service is reported as completed before its first task has started.
        deployment: dict[str, Any] = make(*arguments, **options)
        return {**deployment, "rolloutState": "IN_PROGRESS", "rolloutStateReason": ""}

    locks = ServiceLocks()
    ecs._reconcile_service_tasks = locks.serialize(ecs._reconcile_service_tasks, lambda _, key: key)
    ecs._complete_service_deployment = locks.serialize(complete_when_healthy, lambda _, key, *__: key)
    failure = locks.serialize(ecs._record_service_task_failure, lambda task, *_: _service_key(ecs, task))
    ecs._record_service_task_failure = failure
    for action in ("CreateService", "UpdateService", "DeleteService"):
        ecs._ACTION_MAP[action] = locks.serialize(ecs._ACTION_MAP[action], lambda data: _named_key(ecs, data))
    ecs._record_service_task_healthy = record_when_healthy
    ecs._make_deployment = make_in_progress
    scheduler.start()


def answer_while_tasks_start() -> None:
    """Answer about one moment of a service: its tasks' threads change it while the answer is written."""
    from ministack.services import ecs

    ecs._sanitize = wire_shape


def _service_key(ecs: Any, task: dict[str, Any]) -> str:
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    return f"{cluster}/{task.get('group', '').removeprefix('service:')}"


def _named_key(ecs: Any, data: dict[str, Any]) -> str:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    name = str(data.get("serviceName") or data.get("service", ""))
    return f"{cluster}/{name.rsplit('/', 1)[-1]}"
