"""Rollback of a service to a revision that it has run before, through the same rollout as a release."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.ecs import apply, inspection, plan, task_definition
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.inspection import Clients
from engines.ecs.model import NO_PROBE, Action, Current, DeployRequest, Probe, Release, Wait, WantedService
from engines.ecs.plan import Plan
from engines.ecs.results import Outcome
from engines.ecs.rollout import short
from engines.events import Emit, emit
from engines.smoke import DIRECT, Route

_REVISION = re.compile(r"(?:arn:\S+:task-definition/)?([\w-]+):(\d+)")
# What our own releases set; the rest of a revision's environment may be anybody's secret.
_SHOWN = frozenset({"IMAGE_DIGEST"})


@dataclass(frozen=True)
class RollbackRequest:
    """What to roll back to: the revision ``to`` (``shop:3`` or its ARN), or the previous one of ``good``.

    ``good`` are ARNs of revisions that have served users, in any order.
    """

    cluster: str
    name: str
    wait: Wait
    to: str = ""
    good: Sequence[str] = ()
    url: str = ""
    probe: Probe = NO_PROBE
    route: Route = DIRECT


def roll_back(request: RollbackRequest, clients: Clients, *, check: bool, report: Emit = emit) -> Outcome:
    """Go back and wait until users have it; with ``check`` only say what would be done.

    Raises ``ReleaseConfigurationError`` when there is no such revision, and ``RolloutError`` when it did not
    reach the users: the service is then where it was, or the error says that it is not.
    """
    now = _running(request, clients)
    current = Current(now, inspection.definition(clients, now["taskDefinition"]))
    target = _target(request, clients, str(now["taskDefinition"]))
    steps = _plan(request, current, target)
    if check:
        return apply.planned(steps, current)
    wanted = DeployRequest(
        release_of(target),
        _service_of(request, now),
        request.wait,
        request.url,
        request.probe,
        route=request.route,
    )
    return apply.execute(wanted, steps, current, clients, report)


def choose(to: str, good: Sequence[str], running: str) -> str:
    """Return the revision to go back to: the one that is named, or the newest good one before ``running``."""
    family, number = _parts(running)
    if to:
        if _parts(to)[0] != family:
            raise ReleaseConfigurationError(
                f"is not the name of a revision of family {family}",
                subject=f"rollback_to {to}",
                remedy=f"Write it as {family}:3.",
            )
        return to
    earlier = {_parts(arn)[1]: arn for arn in good if _parts(arn)[0] == family and _parts(arn)[1] < number}
    if not earlier:
        raise ReleaseConfigurationError(
            f"no revision before {short(running)} is known to have served users",
            subject=f"family {family}",
            remedy="Name one: -e rollback_to=FAMILY:NUMBER. `aws ecs list-task-definitions` lists them.",
        )
    return earlier[max(earlier)]


def release_of(registered: Mapping[str, Any]) -> Release:
    """Return the release that a registered revision is, as far as a rollout has to know it."""
    container = registered["containerDefinitions"][0]
    options = (container.get("logConfiguration") or {}).get("options") or {}
    ports = container.get("portMappings") or [{}]
    return Release(
        family=registered["family"],
        image=container["image"],
        container_port=int(ports[0].get("containerPort", 0)),
        cpu=int(registered.get("cpu") or 0),
        memory=int(registered.get("memory") or 0),
        execution_role_arn=registered.get("executionRoleArn", ""),
        task_role_arn=registered.get("taskRoleArn", ""),
        log_group=options.get("awslogs-group", ""),
        region=options.get("awslogs-region", ""),
        secrets={one["name"]: one["valueFrom"] for one in container.get("secrets", [])},
        entry_point=container.get("entryPoint") or (),
        command=container.get("command") or (),
    )


def _running(request: RollbackRequest, clients: Clients) -> Mapping[str, Any]:
    """Return the service as it is. Raises ``ReleaseConfigurationError`` when there is none."""
    now = inspection.describe(clients, request.cluster, request.name)
    if not plan.is_there(now):
        raise ReleaseConfigurationError(
            "is not there, so there is nothing to go back from",
            subject=f"service {request.name} in cluster {request.cluster}",
            remedy="The deploy phase makes it: run `ansible-playbook playbooks/deploy.yml`.",
        )
    return now


def _target(request: RollbackRequest, clients: Clients, running: str) -> Mapping[str, Any]:
    reference = choose(request.to, request.good, running)
    found = inspection.definition(clients, reference)
    if found is None or found.get("status") != "ACTIVE":
        raise ReleaseConfigurationError(
            "does not exist" if found is None else "was taken out of use (INACTIVE)",
            subject=f"task definition {short(reference) if found else reference}",
            remedy="Name another: -e rollback_to=FAMILY:NUMBER. `aws ecs list-task-definitions` lists them.",
        )
    return found


def _plan(request: RollbackRequest, current: Current, target: Mapping[str, Any]) -> Plan:
    now, arn = current.service or {}, str(target["taskDefinitionArn"])
    arguments: dict[str, Any] = {"cluster": request.cluster, "service": request.name}
    actions = []
    if now["taskDefinition"] != arn:
        text = f"bring service {request.name} from {short(now['taskDefinition'])} back to {short(arn)}"
        actions.append(Action("update", text, {**arguments, "taskDefinition": arn}))
    elif plan.primary(now).get("rolloutState") == "FAILED":
        text = f"start {short(arn)} anew"
        actions.append(Action("update", text, {**arguments, "forceNewDeployment": True}))
    before = task_definition.view(current.running, _SHOWN) if current.running else {}
    return Plan(
        tuple(actions),
        arn,
        before={"revision": short(str(now["taskDefinition"])), "task_definition": before},
        after={"revision": short(arn), "task_definition": task_definition.view(target, _SHOWN)},
    )


def _service_of(request: RollbackRequest, now: Mapping[str, Any]) -> WantedService:
    network = (now.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    groups = [one["targetGroupArn"] for one in now.get("loadBalancers") or [] if one.get("targetGroupArn")]
    return WantedService(
        cluster=request.cluster,
        name=request.name,
        subnet_ids=network.get("subnets", []),
        security_group_ids=network.get("securityGroups", []),
        assign_public_ip=network.get("assignPublicIp") == "ENABLED",
        target_group_arn=groups[0] if groups else "",
        desired_count=int(now.get("desiredCount", 0)),
        health_grace=int(now.get("healthCheckGracePeriodSeconds") or 0),
        execute_command=bool(now.get("enableExecuteCommand")),
    )


def _parts(arn: str) -> tuple[str, int]:
    found = _REVISION.fullmatch(arn)
    return (found[1], int(found[2])) if found else ("", 0)
