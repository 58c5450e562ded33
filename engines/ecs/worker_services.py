"""The services of a service's workers: which there are, whose they are, stopping and ending them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import inspection, plan
from engines.ecs.errors import RolloutError
from engines.ecs.inspection import Clients
from engines.ecs.model import NOT_KNOWN_YET, Action
from engines.ownership import objection
from engines.waiting import wait

_INFIX = "-worker-"


@dataclass(frozen=True)
class Found:
    """Workers as ECS describes them. ``foreign`` are only named like ours; a reason is with each."""

    ours: tuple[Mapping[str, Any], ...] = ()
    foreign: tuple[tuple[Mapping[str, Any], str], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each that stays unchanged."""
        return tuple(
            f"service {one['serviceName']} is left as it is: it {reason}" for one, reason in self.foreign
        )


def name_of(service: str, worker: str) -> str:
    """Return the name that a worker's service and its family of task definitions have."""
    return f"{service}{_INFIX}{worker}"


def find(cluster: str, service: str, clients: Clients, tags: Mapping[str, str]) -> Found:
    """Return the workers of a service; ``tags`` are those that ours carry."""
    if not cluster or NOT_KNOWN_YET in (cluster, service):
        return Found()
    described = listed(cluster, service, clients)
    reasons = [(one, objection(plan.tags_carried(one), tags)) for one in described]
    return Found(
        tuple(one for one, reason in reasons if not reason),
        tuple((one, reason) for one, reason in reasons if reason),
    )


def listed(cluster: str, service: str, clients: Clients) -> list[Mapping[str, Any]]:
    """Return the services in the cluster that are named like workers of this one."""
    try:
        with translated(f"cluster {cluster}"):
            pages = clients.ecs.get_paginator("list_services").paginate(cluster=cluster)
            names = [arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]]
    except AwsError as error:
        if error.code == "ClusterNotFoundException":
            return []
        raise
    alike = sorted(name for name in names if name.startswith(f"{service}{_INFIX}"))
    found = [inspection.describe(clients, cluster, name) for name in alike]
    return [one for one in found if one is not None and one["status"] == "ACTIVE"]


def stop(
    cluster: str, service: str, clients: Clients, *, timeout: float, check: bool, tags: Mapping[str, str]
) -> tuple[list[str], tuple[str, ...]]:
    """Let no worker of the service run. Return their names, and a line for each service that stays unchanged.

    A release starts them again. Raises ``RolloutError`` when the tasks do not end.
    """
    found = find(cluster, service, clients, tags)
    running = [str(one["serviceName"]) for one in found.ours if has_tasks(one)]
    if running and not check:
        for name in running:
            halt(cluster, name, clients)
        _until_ended(cluster, running, clients, timeout)
    return running, found.notes


def halt(cluster: str, name: str, clients: Clients) -> None:
    """Ask for no task of a worker."""
    with translated(f"service {name}"):
        clients.ecs.update_service(cluster=cluster, service=name, desiredCount=0)


def end(one: Mapping[str, Any], cluster: str) -> Action:
    """Return the deletion of a worker."""
    name = str(one["serviceName"])
    text = f"end service {name}, which is no longer wanted"
    return Action("delete", text, {"cluster": cluster, "service": name})


def delete(request: Mapping[str, Any], clients: Clients) -> None:
    """Carry that deletion out."""
    with translated(f"service {request['service']}"):
        clients.ecs.update_service(**request, desiredCount=0)
        clients.ecs.delete_service(**request, force=True)


def has_tasks(found: Mapping[str, Any]) -> bool:
    """Return whether a worker runs, or shall."""
    return any(int(found.get(name) or 0) for name in ("desiredCount", "runningCount", "pendingCount"))


def _until_ended(cluster: str, names: Sequence[str], clients: Clients, timeout: float) -> None:
    def left() -> int:
        found = [inspection.describe(clients, cluster, name) or {} for name in names]
        return sum(int(one.get(count) or 0) for one in found for count in ("runningCount", "pendingCount"))

    def stuck(tasks: int) -> RolloutError:
        return RolloutError(
            f"{tasks} of their tasks have not ended in {timeout:g} s",
            subject=f"services {', '.join(names)}",
            remedy="Look at them in the AWS console, and run the same command again.",
        )

    wait(left, lambda tasks: not tasks, lambda tasks: tasks, timeout=timeout, stuck=stuck)
