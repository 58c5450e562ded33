"""The plan of a stack as the return values of the module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from engines.stack.plan import Plan
from engines.stack.template import Resource

# What the monthly cost of a resource depends on.
_SIZES = {
    "AWS::RDS::DBInstance": ("DBInstanceClass", "AllocatedStorage", "StorageType", "MultiAZ"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Scheme", "Subnets"),
    "AWS::EC2::VPCEndpoint": ("VpcEndpointType", "SubnetIds"),
    "AWS::EC2::NatGateway": (),
    "AWS::EC2::EIP": (),
    "AWS::CloudWatch::Alarm": (),
    "AWS::KMS::Key": (),
}


def as_result(plan: Plan) -> dict[str, Any]:
    """Return the plan as a module's return values."""
    deployed, found = plan.deployed, [change.as_dict() for change in plan.changes]
    counts = Counter(change.action for change in plan.changes)
    return {
        "differs": plan.differs,
        "name": plan.wanted.name,
        "exists": deployed is not None,
        "status": deployed.status if deployed else "",
        "note": plan.note,
        "changes": found,
        "counts": {action: counts[action] for action in ("add", "change", "replace", "delete")},
        "settings": list(plan.settings),
        "outputs": dict(deployed.outputs) if deployed else {},
        "tags": plan.wanted.tags_for(deployed),
        "resources": sorted(plan.wanted.resources()),
        "sizes": _sizes(plan.wanted.resources()),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in _lines(plan))},
    }


def _sizes(resources: Mapping[str, Resource]) -> list[dict[str, Any]]:
    """Return of each resource that costs by the month what its cost depends on."""
    return [
        {"type": one.type, "logical_id": name}
        | {key: one.properties[key] for key in _SIZES[one.type] if key in one.properties}
        for name, one in sorted(resources.items())
        if one.type in _SIZES
    ]


_SIGNS = {"add": "+", "change": "~", "replace": "-/+", "delete": "-"}


def _lines(plan: Plan) -> list[str]:
    lines = [f"~ {setting}" for setting in plan.settings]
    for one in plan.changes:
        properties = f": {', '.join(one.properties)}" if one.properties else ""
        left = f" ({one.left})" if one.left else ""
        lines.append(f"{_SIGNS[one.action]} {one.type} {one.logical_id}{properties}{left}")
    return lines
