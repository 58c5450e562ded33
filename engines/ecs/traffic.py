"""What users have seen of a service, read from its deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engines.ecs import inspection, plan
from engines.ecs.inspection import Clients, Target

Traffic = Literal["serving", "starting", "absent"]
"""``serving``: a deployment took traffic. ``starting``: one may yet. ``absent``: neither."""


@dataclass(frozen=True)
class Seen:
    """What users have seen of a service, and the tags that it carries."""

    traffic: Traffic
    tags: Mapping[str, str] = field(default_factory=dict)


def seen(clients: Clients, cluster: str, name: str) -> Seen:
    """Ask the service and its target group. Only reads; a service that is not there is absent."""
    found = inspection.describe(clients, cluster, name)
    group = _target_group(found) if found else ""
    targets = inspection.targets(clients, group) if found and group and _count(found, "runningCount") else ()
    return Seen(judge(found, targets), plan.tags_carried(found or {}))


def judge(found: Mapping[str, Any] | None, targets: Sequence[Target]) -> Traffic:
    """Return what users have seen of the service ``found``, as ECS describes it, with its ``targets``.

    A rollout is only completed once its tasks were healthy targets. Before that, and after one that failed,
    a running task that is a healthy target has been sent requests.
    """
    if found is None or found["status"] == "INACTIVE":
        return "absent"
    states = {str(one.get("rolloutState", "")) for one in found.get("deployments", [])}
    if "COMPLETED" in states:
        return "serving"
    behind_a_balancer = bool(_target_group(found))
    if _count(found, "runningCount") and (
        not behind_a_balancer or any(one.state == "healthy" for one in targets)
    ):
        return "serving"
    # A task of a rollout that failed may still get healthy, and is then sent requests like any other.
    may_serve = "IN_PROGRESS" in states or _count(found, "runningCount") or _count(found, "pendingCount")
    return "starting" if may_serve and found["status"] == "ACTIVE" else "absent"


def _count(found: Mapping[str, Any], what: str) -> int:
    return sum(int(one.get(what) or 0) for one in found.get("deployments", []))


def _target_group(found: Mapping[str, Any]) -> str:
    balancers = found.get("loadBalancers") or []
    return next((str(one["targetGroupArn"]) for one in balancers if one.get("targetGroupArn")), "")
