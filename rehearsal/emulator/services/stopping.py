"""Stopping a task as ECS on Fargate does: by steps, where the emulator stops it at once.

The task leaves the load balancer, its requests are answered (at most for the deregistration delay), its
containers get SIGTERM, and SIGKILL when ``stopTimeout`` is over. ``lastStatus`` goes through DEACTIVATING,
STOPPING and DEPROVISIONING to STOPPED.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rehearsal.emulator.services.draining import Place

# How the emulator says that the service scheduler wants a task no more.
_SCHEDULED = frozenset(
    {"Deployment completed", "Task definition updated", "Service scaling down", "Deployment capacity limit"}
)

_YET_TO_START = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})

Drain = Callable[[list[str], set[Place]], None]  # target group ARNs, targets


class Stopper:
    """Stops tasks of ``ecs`` (the emulator's module). ``drain`` returns when their requests are answered."""

    def __init__(self, ecs: Any, drain: Drain) -> None:
        self._ecs = ecs
        self._drain = drain
        self._at_once = ecs._stop_task

    def stop_task(self, data: Any) -> Any:
        """Serve ``StopTask``, also for the scheduler: answer, and stop the task in the background."""
        ecs = self._ecs
        task = ecs._resolve_task(
            data.get("task", ""), ecs._resolve_cluster_name(data.get("cluster", "default"))
        )
        if not task:
            return self._at_once(data)
        # One that has ended by itself keeps its own reason and exit code, also where the scheduler is late.
        if "STOPPED" not in {task.get("desiredStatus"), task.get("lastStatus")}:
            reason, code = self._why(task, data.get("reason") or "Task stopped by user")
            if not self.stop(task, reason, code) and task.get("lastStatus") in _YET_TO_START:
                return self._at_once({**data, "reason": reason})
        return ecs.json_response({"task": ecs._sanitize(task)})

    def stop(self, task: dict[str, Any], reason: str, code: str) -> bool:
        """Begin to stop a running task, and return whether it was one."""
        ecs, arn = self._ecs, task["taskArn"]
        with ecs.resource_lock("ecs-task", arn):
            if not ecs._task_is_active(arn, task) or task.get("lastStatus") != "RUNNING":
                return False
            ecs._bump_task_version(task)
            task.update(
                desiredStatus="STOPPED",
                lastStatus="DEACTIVATING",
                stoppingAt=ecs._iso(),
                stoppedReason=reason,
                stopCode=code,
            )
        self._refresh(task)  # takes it out of its target groups
        ecs.spawn_background(self._finish, task, thread_name=f"fargate-stop-{arn.rsplit('/', 1)[-1][:8]}")
        return True

    def _why(self, task: dict[str, Any], reason: str) -> tuple[str, str]:
        if reason in _SCHEDULED:
            deployment = task.get("_deployment_id") or "unknown"
            return f"Scaling activity initiated by (deployment {deployment})", "ServiceSchedulerInitiated"
        return reason, "UserInitiated"

    def _finish(self, task: dict[str, Any]) -> None:
        ecs = self._ecs
        groups, places = self._targets(task)
        self._drain(groups, places)
        task["lastStatus"] = "STOPPING"
        codes = self._end_containers(task)
        with ecs.resource_lock("ecs-task", task["taskArn"]):
            for container, code in zip(task["containers"], codes, strict=False):
                container.update(lastStatus="STOPPED", exitCode=code)
            for status in ("DEPROVISIONING", "STOPPED"):
                ecs._bump_task_version(task)
                task["lastStatus"] = status
            task["executionStoppedAt"] = task["stoppedAt"] = ecs._iso()
        ecs._cleanup_task_resources(task, ecs._get_docker())
        self._refresh(task)

    def _targets(self, task: dict[str, Any]) -> tuple[list[str], set[Place]]:
        cluster = self._ecs._cluster_name_from_arn(task["clusterArn"])
        name = task.get("group", "").removeprefix("service:")
        service = self._ecs._services.get(f"{cluster}/{name}") or {}
        entries = [one for one in service.get("loadBalancers") or [] if one.get("targetGroupArn")]
        address = str(self._ecs._task_ip(task) or "")
        places = {(address, int(one["containerPort"])) for one in entries}
        return [one["targetGroupArn"] for one in entries], places

    def _end_containers(self, task: dict[str, Any]) -> list[int]:
        """Stop all containers at the same time; return their exit codes, in order."""
        containers = [self._ecs._get_docker().containers.get(one) for one in task.get("_docker_ids", [])]
        threads = [threading.Thread(target=one.stop, args=(one.stop_timeout,)) for one in containers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [one.wait()["StatusCode"] for one in containers]

    def _refresh(self, task: dict[str, Any]) -> None:
        cluster = self._ecs._cluster_name_from_arn(task["clusterArn"])
        self._ecs._recount_cluster(cluster)
        self._ecs._refresh_service_state(cluster, task.get("group", ""))
