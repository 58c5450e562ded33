"""Autoscaling of the service: a scalable target and target-tracking policies, where AWS offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.inspection import Clients
from engines.ecs.model import Call, Scaling, Steps, WantedService

_DIMENSION = "ecs:service:DesiredCount"
_METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}
_COOLDOWNS = {"ScaleInCooldown": 300, "ScaleOutCooldown": 60}
# How an endpoint says that it does not have this service at all; a refusal is another matter. A bare status
# comes from one whose answer has not even the form of AWS's errors, such as the rehearsal's.
_NOT_OFFERED = frozenset(
    {"InvalidAction", "UnknownService", "UnknownOperationException", "NotImplemented", "UnsupportedOperation"}
    | {"400", "404", "501"}
)
NOT_OFFERED = "skipped: this account's endpoint does not offer Application Auto Scaling"


def check(scaling: Scaling) -> None:
    """Raise ``ReleaseConfigurationError`` for numbers that make no sense."""
    if not 0 <= scaling.minimum <= scaling.maximum or scaling.maximum < 1:
        raise ReleaseConfigurationError(
            f"is to have between {scaling.minimum} and {scaling.maximum} tasks",
            subject="autoscaling",
            remedy="Give a min of at least 0 and a max of at least 1 that is not below it.",
        )


def within(
    service: WantedService, scaling: Scaling | None, running: Mapping[str, Any] | None
) -> WantedService:
    """Return the service with the number of tasks that a release sets: what autoscaling chose stays."""
    if scaling is None:
        return service
    wanted = int(running["desiredCount"]) if running else service.desired_count
    return replace(service, desired_count=min(max(wanted, scaling.minimum), scaling.maximum))


def plan(
    scaling: Scaling,
    service: WantedService,
    target: Mapping[str, Any] | None,
    policies: Sequence[Mapping[str, Any]],
) -> Steps:
    """Compare wanted and current state. Policies that this module did not make stay."""
    same = _same(service)
    calls = []
    if target is None or (target["MinCapacity"], target["MaxCapacity"]) != (scaling.minimum, scaling.maximum):
        request = {**same, "MinCapacity": scaling.minimum, "MaxCapacity": scaling.maximum}
        text = f"scale service {service.name} between {scaling.minimum} and {scaling.maximum} tasks"
        calls.append(Call("register_scalable_target", text, request))
    there = {each["PolicyName"]: each for each in policies}
    for kind, metric in _METRICS.items():
        name, percent = f"{service.name}-{kind}", getattr(scaling, kind)
        configuration = _configuration(metric, percent)
        have = (there.get(name) or {}).get("TargetTrackingScalingPolicyConfiguration") or {}
        if percent and {key: have.get(key) for key in configuration} != configuration:
            request = {
                **same,
                "PolicyName": name,
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": configuration,
            }
            calls.append(Call("put_scaling_policy", f"scale {service.name} to {percent:g} % {kind}", request))
        elif not percent and name in there:
            text = f"scale {service.name} by its {kind} no more"
            calls.append(Call("delete_scaling_policy", text, {**same, "PolicyName": name}))
    return Steps(tuple(calls), f"between {scaling.minimum} and {scaling.maximum} tasks")


def look(clients: Clients, scaling: Scaling | None, service: WantedService) -> Steps:
    """Read the current state and return the steps; none without autoscaling, or where it is not offered."""
    if scaling is None:
        return Steps()
    same = _same(service)
    try:
        with translated(f"autoscaling of {service.name}"):
            targets = clients.scaling.describe_scalable_targets(
                ServiceNamespace="ecs", ResourceIds=[same["ResourceId"]], ScalableDimension=_DIMENSION
            )["ScalableTargets"]
            policies = clients.scaling.describe_scaling_policies(**same)["ScalingPolicies"]
    except AwsError as error:
        if error.code in _NOT_OFFERED:
            return Steps(text=NOT_OFFERED)
        raise
    return plan(scaling, service, targets[0] if targets else None, policies)


def apply(clients: Clients, steps: Steps) -> None:
    """Make the calls, in order."""
    for call in steps.calls:
        with translated(call.text):
            getattr(clients.scaling, call.method)(**call.request)


def _same(service: WantedService) -> dict[str, str]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{service.cluster}/{service.name}",
        "ScalableDimension": _DIMENSION,
    }


def _configuration(metric: str, percent: float) -> dict[str, Any]:
    return {
        "TargetValue": float(percent),
        "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        **_COOLDOWNS,
    }
