"""The plan of a release: wanted state and current state to actions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from engines.ecs import task_definition
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.model import Action, Current, Difference, Release, WantedService
from engines.ownership import require_ours

# Of these, ECS answers in an order of its own.
_UNORDERED = frozenset({"subnets", "securityGroups"})


@dataclass(frozen=True)
class Plan:
    """The actions, in order; ``definition_arn`` is empty when a revision is to be registered first."""

    actions: tuple[Action, ...]
    definition_arn: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every field that is not as wanted, by path, with the values that a diff may show."""
        return task_definition.changes(self.before, self.after)

    @property
    def registers(self) -> bool:
        """Whether a new revision is needed."""
        return any(action.kind == "register" for action in self.actions)


def settings(service: WantedService, release: Release) -> dict[str, Any]:
    """Return the part of a service that can be both created and updated, as ECS's requests have it."""
    wanted: dict[str, Any] = {
        "desiredCount": service.desired_count,
        "enableExecuteCommand": service.execute_command,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": sorted(service.subnet_ids),
                "securityGroups": sorted(service.security_group_ids),
                "assignPublicIp": "ENABLED" if service.assign_public_ip else "DISABLED",
            }
        },
        # All old tasks stay until the new ones are healthy, and ECS itself goes back if they never are.
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        },
    }
    if service.target_group_arn:
        wanted["healthCheckGracePeriodSeconds"] = service.health_grace
        wanted["loadBalancers"] = [
            {
                "targetGroupArn": service.target_group_arn,
                "containerName": release.container,
                "containerPort": release.container_port,
            }
        ]
    return wanted


def make(release: Release, service: WantedService, current: Current) -> Plan:
    """Compare wanted and current state.

    Raises ``ReleaseConfigurationError`` while a deleted service of the same name is still draining, and
    ``RefusedError`` about one that is another environment's, or nobody's and not adopted.
    """
    wanted = task_definition.request(release)
    arn = _matching_revision(wanted, current)
    actions: list[Action] = []
    if not arn:
        tagged = {"tags": tags_of(service.tags)} if service.tags else {}
        actions.append(Action("register", f"register a revision of {release.family}", {**wanted, **tagged}))
    if is_there(current.service):
        require_ours(f"service {service.name}", tags_carried(current.service), service.tags, service.adopt)
        actions += _update(service, settings(service, release), arn, current.service)
    else:
        actions.append(_create(service, settings(service, release), arn))
    known = frozenset(task_definition.environment_of(release))
    return Plan(
        tuple(actions),
        arn,
        before=_view(current.running, current.service, known, service, release),
        after={"task_definition": task_definition.view(wanted, known), "service": settings(service, release)},
    )


def is_there(described: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Whether ECS has the service; it remembers a deleted one for a while as ``INACTIVE``."""
    if described is None or described["status"] == "INACTIVE":
        return False
    if described["status"] == "DRAINING":
        raise ReleaseConfigurationError(
            "is being deleted: its last tasks are draining",
            subject=f"service {described['serviceName']}",
            remedy="Run the same command again in a few minutes.",
        )
    return True


def runs(described: Mapping[str, Any] | None, arn: str) -> bool:
    """Return whether the service has completed its rollout of revision ``arn``."""
    first = primary(described) if described is not None and described["status"] == "ACTIVE" else {}
    return first.get("rolloutState") == "COMPLETED" and first.get("taskDefinition") == arn


def setting_differences(wanted: Mapping[str, Any], described: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the top-level settings of ``wanted`` that the service has otherwise, and no others."""
    return tuple(key for key, value in wanted.items() if not _covers(described.get(key), value, key))


def primary(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the deployment that the service is moving to or has reached; empty if it has none."""
    deployments: Sequence[Mapping[str, Any]] = described.get("deployments", [])
    return next((item for item in deployments if item["status"] == "PRIMARY"), {})


def deployment(described: Mapping[str, Any], deployment_id: str) -> Mapping[str, Any]:
    """Return a deployment of the service by its id; empty if ECS no longer has it."""
    deployments: Sequence[Mapping[str, Any]] = described.get("deployments", [])
    return next((item for item in deployments if item["id"] == deployment_id), {})


def last_good(described: Mapping[str, Any] | None) -> str:
    """Return the ARN of the revision that last completed a rollout, or an empty text when there is none."""
    if described is None or described["status"] != "ACTIVE":
        return ""
    done = [item for item in described.get("deployments", []) if item.get("rolloutState") == "COMPLETED"]
    done.sort(key=lambda item: item["status"] != "PRIMARY")
    return str(done[0]["taskDefinition"]) if done else ""


def _matching_revision(wanted: Mapping[str, Any], current: Current) -> str:
    # The latest one counts too: a run that was killed between registering and updating leaves it behind.
    for registered in (current.running, current.latest):
        if (
            registered
            and registered.get("status") == "ACTIVE"
            and not task_definition.differences(wanted, registered)
        ):
            return str(registered["taskDefinitionArn"])
    return ""


def _create(service: WantedService, wanted: Mapping[str, Any], arn: str) -> Action:
    request = {
        "cluster": service.cluster,
        "serviceName": service.name,
        "launchType": "FARGATE",
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        **wanted,
    }
    if service.tags:
        request["tags"] = tags_of(service.tags)
    if arn:
        request["taskDefinition"] = arn
    return Action("create", f"create service {service.name}", request)


def _update(
    service: WantedService, wanted: Mapping[str, Any], arn: str, now: Mapping[str, Any]
) -> list[Action]:
    changed = list(setting_differences(wanted, now))
    request: dict[str, Any] = {key: wanted[key] for key in changed}
    if arn != now["taskDefinition"]:
        changed.insert(0, "taskDefinition")
        if arn:
            request["taskDefinition"] = arn
    elif primary(now).get("rolloutState") == "FAILED" or "enableExecuteCommand" in changed:
        # The same release is requested again, so what it lacked may exist now. And a running task does not
        # learn of ECS Exec.
        changed.append("forceNewDeployment")
        request["forceNewDeployment"] = True
    actions = []
    if changed:
        request.update(cluster=service.cluster, service=service.name)
        actions.append(Action("update", f"update service {service.name}: {', '.join(changed)}", request))
    tags = tags_carried(now)
    missing = {key: value for key, value in service.tags.items() if tags.get(key) != value}
    if missing:
        request = {"resourceArn": now["serviceArn"], "tags": tags_of(missing)}
        actions.append(Action("tag", f"tag service {service.name}: {', '.join(sorted(missing))}", request))
    return actions


def tags_carried(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a service as ECS describes it."""
    return {item["key"]: item["value"] for item in service.get("tags", [])}


def tags_of(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in ECS's form."""
    return [{"key": key, "value": tags[key]} for key in sorted(tags)]


def _covers(have: Any, want: Any, key: str) -> bool:
    if isinstance(want, Mapping):
        return isinstance(have, Mapping) and all(_covers(have.get(k), v, k) for k, v in want.items())
    if isinstance(want, list) and isinstance(have, list):
        if key in _UNORDERED:
            return sorted(have) == sorted(want)
        return len(have) == len(want) and all(_covers(h, w, key) for h, w in zip(have, want, strict=True))
    if isinstance(want, bool):  # what is off may be left out of an answer
        return bool(have) == want
    return bool(have == want)


def _view(
    running: Mapping[str, Any] | None,
    now: Mapping[str, Any] | None,
    known: frozenset[str],
    service: WantedService,
    release: Release,
) -> dict[str, Any]:
    """What a diff shows of the present: the same fields that are wanted, nothing else of the service."""
    if now is None or now["status"] != "ACTIVE":
        return {}
    wanted = settings(service, release)
    return {
        "task_definition": task_definition.view(running, known) if running else {},
        "service": {key: _like(now.get(key), value, key) for key, value in wanted.items()},
    }


def _like(have: Any, want: Any, key: str) -> Any:
    if isinstance(want, Mapping) and isinstance(have, Mapping):
        return {name: _like(have.get(name), value, name) for name, value in want.items()}
    if key in _UNORDERED and isinstance(have, list):
        return sorted(have)
    if isinstance(want, list) and isinstance(have, list) and len(have) == len(want):
        return [_like(h, w, key) for h, w in zip(have, want, strict=True)]
    return bool(have) if isinstance(want, bool) else have
