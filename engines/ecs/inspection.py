"""Reading the current state from ECS and the load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.config import Config

from engines import aws
from engines.aws import AwsError, translated
from engines.ecs.model import Current

# What ECS says of a task that it has stopped because fewer are wanted, or newer ones.
SCALED = "Scaling activity initiated by"
# With any other stop code, a task was stopped by a user, or by AWS for reasons of its own.
_FAILURES = frozenset({"EssentialContainerExited", "TaskFailedToStart", "ServiceSchedulerInitiated"})
# ECS describes at most this many tasks in one call.
_TASKS_PER_CALL = 100


class Clients:
    """The AWS clients of a release, each made when it is first needed."""

    @cached_property
    def ecs(self) -> Any:
        """Tasks and services."""
        return aws.client("ecs")

    @cached_property
    def ecs_once(self) -> Any:
        """The same, for what must not be repeated before it is known whether it was done."""
        return aws.client("ecs", config=Config(retries={"total_max_attempts": 1}))

    @cached_property
    def elbv2(self) -> Any:
        """Target health."""
        return aws.client("elbv2")

    @cached_property
    def scaling(self) -> Any:
        """How many tasks, by their load."""
        return aws.client("application-autoscaling")

    @cached_property
    def logs(self) -> Any:
        """The containers' log lines."""
        return aws.client("logs")


@dataclass(frozen=True)
class Target:
    """One registered target of a target group, with why it is not healthy."""

    address: str
    port: int
    state: str
    reason: str


def current(clients: Clients, cluster: str, name: str, family: str) -> Current:
    """Read the service, the definition it runs, and the latest of the family; what is missing is ``None``."""
    service = describe(clients, cluster, name)
    running = definition(clients, service["taskDefinition"]) if service else None
    latest = definition(clients, family)
    return Current(service, running, latest)


def describe(clients: Clients, cluster: str, name: str) -> Mapping[str, Any] | None:
    """Return the service as ECS describes it, or ``None`` when it (or its cluster) does not exist."""
    try:
        with translated(f"service {name} in cluster {cluster}"):
            answer = clients.ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])
    except AwsError as error:
        if error.code == "ClusterNotFoundException":
            return None
        raise
    services: Sequence[Mapping[str, Any]] = answer["services"]
    return services[0] if services else None


def definition(clients: Clients, name: str) -> Mapping[str, Any] | None:
    """Return a task definition by ARN, or a family's latest active revision; ``None`` if there is none."""
    try:
        with translated(f"task definition {name}"):
            answer = clients.ecs.describe_task_definition(taskDefinition=name)
    except AwsError as error:
        if error.code == "ClientException":  # ECS has no code of its own for "not found" here
            return None
        raise
    found: Mapping[str, Any] = answer["taskDefinition"]
    return found


def tasks(clients: Clients, cluster: str, name: str, status: str) -> list[Mapping[str, Any]]:
    """Return the service's tasks that ECS wants ``RUNNING`` or ``STOPPED`` (kept for about an hour)."""
    with translated(f"tasks of service {name}"):
        pages = clients.ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, serviceName=name, desiredStatus=status
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(arns), _TASKS_PER_CALL):
            batch = arns[start : start + _TASKS_PER_CALL]
            found += clients.ecs.describe_tasks(cluster=cluster, tasks=batch)["tasks"]
    return found


def failed(task: Mapping[str, Any]) -> bool:
    """Whether a stopped task ended for a fault of its own: a crash, no start, a failed health check."""
    scaled = str(task.get("stoppedReason", "")).startswith(SCALED)
    return task.get("stopCode") in _FAILURES and not scaled


def addresses(found: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the private addresses of tasks, as far as they have one yet."""
    return frozenset(
        detail["value"]
        for task in found
        for attachment in task.get("attachments", [])
        for detail in attachment.get("details", [])
        if detail.get("name") == "privateIPv4Address" and detail.get("value")
    )


def targets(clients: Clients, target_group_arn: str) -> tuple[Target, ...]:
    """Return the registered targets of a target group with their health."""
    with translated(f"target group {target_group_arn}"):
        answer = clients.elbv2.describe_target_health(TargetGroupArn=target_group_arn)
    return tuple(
        Target(
            address=item["Target"]["Id"],
            port=int(item["Target"].get("Port", 0)),
            state=item["TargetHealth"]["State"],
            reason=" ".join(
                str(item["TargetHealth"][key])
                for key in ("Reason", "Description")
                if item["TargetHealth"].get(key)
            ),
        )
        for item in answer["TargetHealthDescriptions"]
    )
