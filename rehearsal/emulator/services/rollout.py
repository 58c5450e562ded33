"""The part of the ECS service scheduler that follows target health, which the emulator lacks.

A deployment is complete when its tasks' targets are healthy, not when they have run for a second; a task
whose target is unhealthy after the grace period is stopped, counted by the circuit breaker, and replaced.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rehearsal.emulator.services.target_health import Health

_TICK = 0.25
_STATUS = {"starting": "UNKNOWN", "healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}
_log = logging.getLogger("rehearsal.rollout")

HealthOf = Callable[[str, str, int], Health]  # target group ARN, address, port
Stop = Callable[[dict[str, Any], str, str], bool]  # task, stopped reason, stop code


class Scheduler:
    """Watches the services of ``ecs`` (the emulator's module) through ``health``; ``stop`` stops a task."""

    def __init__(self, ecs: Any, health: HealthOf, stop: Stop) -> None:
        self._ecs = ecs
        self._stop = stop
        self._health = health

    def start(self) -> None:
        """Begin to watch, in the background."""
        threading.Thread(target=self._run, name="service-scheduler", daemon=True).start()

    def healths(self, service: dict[str, Any], task: dict[str, Any]) -> list[tuple[str, Health]]:
        """Return each of the service's target groups with the health of the task in it."""
        address = self._ecs._task_ip(task)
        return [
            (
                entry["targetGroupArn"],
                self._health(entry["targetGroupArn"], address or "", entry["containerPort"]),
            )
            for entry in service.get("loadBalancers") or []
            if entry.get("targetGroupArn")
        ]

    def is_healthy(self, service: dict[str, Any], task: dict[str, Any]) -> bool:
        """Return whether its own health checks pass and every load balancer sends requests to it."""
        return self._states(task) <= {"HEALTHY"} and all(
            health.state == "healthy" for _, health in self.healths(service, task)
        )

    def tasks(self, service: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the service's running tasks with their ARNs."""
        for arn, task in list(self._ecs._tasks.items()):
            same = task.get("group") == f"service:{service['serviceName']}"
            if (
                same
                and task.get("clusterArn") == service["clusterArn"]
                and task.get("lastStatus") == "RUNNING"
            ):
                yield arn, task

    def _check_containers(self, arn: str, task: dict[str, Any]) -> None:
        """Report the containers' own health; a service's task that is unhealthy is stopped and replaced."""
        states = self._states(task)
        if "UNHEALTHY" in states:
            task["healthStatus"] = "UNHEALTHY"
            reason = "Task failed container health checks"
            of_service = task.get("group", "").startswith("service:")
            if of_service and self._stop(task, reason, "ServiceSchedulerInitiated"):
                _log.info("task %s failed its container health checks", arn)
                self._ecs._record_service_task_failure(task)
        elif states:
            task["healthStatus"] = "UNKNOWN" if "UNKNOWN" in states else "HEALTHY"

    def _states(self, task: dict[str, Any]) -> set[str]:
        """Return, and report, the health of those containers of a task that have a check of their own."""
        states = set()
        engine = self._ecs._get_docker().containers
        for container, identity in zip(task["containers"], task.get("_docker_ids", []), strict=False):
            health = engine.get(identity).health
            if health:
                container["healthStatus"] = _STATUS[health.state]
                states.add(container["healthStatus"])
        return states

    def _run(self) -> None:
        while True:
            time.sleep(_TICK)
            for (account, region, arn), task in list(self._ecs._tasks.all_items()):
                if task.get("lastStatus") != "RUNNING":
                    continue
                try:
                    with self._ecs.request_scope(account, region):
                        self._check_containers(arn, task)
                except Exception:  # noqa: BLE001 - a container may be gone in this very moment
                    _log.exception("task %s", arn)
            for (account, region, key), service in list(self._ecs._services.all_items()):
                if service.get("status") != "ACTIVE" or not service.get("loadBalancers"):
                    continue
                try:
                    with self._ecs.request_scope(account, region):
                        self._look(key, service)
                except Exception:  # noqa: BLE001 - one broken service must not stop the others
                    _log.exception("service %s", key)

    def _look(self, key: str, service: dict[str, Any]) -> None:
        cluster = key.split("/", 1)[0]
        for _, task in self.tasks(service):
            if self.is_healthy(service, task):
                if not task.get("_startup_stable"):
                    self._ecs._record_service_task_healthy(key, task)
                    self._ecs._reconcile_service_tasks(cluster, key)
                continue
            grace = float(service.get("healthCheckGracePeriodSeconds") or 0)
            if _age(task) < grace:
                continue
            for group, health in self.healths(service, task):
                if health.state == "unhealthy":
                    self._replace(task, service, group, health)
                    break
        primary = self._ecs._primary_deployment(service)
        if primary and primary.get("rolloutState") == "IN_PROGRESS":
            self._ecs._complete_service_deployment(cluster, key)

    def _replace(self, task: dict[str, Any], service: dict[str, Any], group: str, health: Health) -> None:
        port = next(
            one["containerPort"] for one in service["loadBalancers"] if one["targetGroupArn"] == group
        )
        message = (
            f"(service {service['serviceName']}) (port {port}) is unhealthy in (target-group {group}) "
            f"due to (reason {health.description})."
        )
        event = {"id": self._ecs.new_uuid(), "createdAt": self._ecs._iso(), "message": message}
        service["events"].insert(0, event)
        reason = f"Task failed ELB health checks in (target-group {group})"
        if self._stop(task, reason, "ServiceSchedulerInitiated"):
            self._ecs._record_service_task_failure(task)


def _age(task: dict[str, Any]) -> float:
    """Return for how many seconds the task has run."""
    started = task.get("startedAt")
    if isinstance(started, (int, float)):
        return time.time() - started
    if not started:
        return 0.0
    moment = datetime.datetime.fromisoformat(str(started).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return time.time() - moment.timestamp()
