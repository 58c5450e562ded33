"""The proof of a teardown: every type of resource of the platform is looked up once more.

What a deleted thing leaves in AWS's index of tags stays there for hours. So each kind is asked of the service
that it belongs to, by name or by tag, and the index only serves to find what nobody here thought of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from engines.aws import client
from engines.teardown import inspection
from engines.teardown.inspection import pages, present
from engines.teardown.model import Found, Platform, Thing

# What EC2 keeps of a deleted gateway or endpoint for an hour.
_GONE = frozenset({"deleted", "deleting", "terminated"})
# Kind → operation, key of the answer, key of the id.
_NETWORK = {
    "vpc": ("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "security-group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "route-table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "internet-gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "natgateway": ("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "vpc-endpoint": ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "elastic-ip": ("describe_addresses", "Addresses", "AllocationId"),
}


def left(platform: Platform, found: Found) -> list[Thing]:
    """Return what still exists of the platform, including what is kept. ``found`` was read just now."""
    things = [*_surveyed(platform, found), *_named(platform), *_network(platform)]
    seen = {thing.name for thing in things}
    return things + [Thing("tagged", arn) for arn in _tagged(platform) if not _is_known(arn, platform, seen)]


def _surveyed(platform: Platform, found: Found) -> Iterator[Thing]:
    why = "" if platform.delete_data else "data"
    if found.stack:
        yield Thing("stack", found.stack.name)
    yield from (Thing("service", name) for name in found.services)
    yield from (Thing("task", arn) for arn in found.tasks)
    yield from (Thing("task definition", arn) for arn in (*found.definitions, *found.relays, *found.workers))
    yield from (Thing("log group", name) for name in found.log_groups)
    yield from (Thing("parameter", name) for name in found.parameters)
    yield from (Thing("database", platform.database) for _ in range(found.database))
    yield from (Thing("database", name) for name in found.rollback_instances)
    yield from (Thing("snapshot", name, why) for name in found.snapshots)
    if found.leads_here:
        yield Thing("domain record", platform.domain)
    if found.certificate:
        yield Thing("certificate", found.certificate)
    for name, tags in found.buckets.items():
        if all(tags.get(key) == value for key, value in platform.tags.items()):
            yield Thing("bucket", name, why)
    if platform.state_bucket and inspection.bucket_tags(platform.state_bucket) is not None:
        yield Thing("bucket", platform.state_bucket, "the ledger, with the evidence")


def _named(platform: Platform) -> Iterator[Thing]:
    """Yield what the stack gave names that are known beforehand."""
    name = platform.name
    clusters = present(f"cluster {name}", lambda: client("ecs").describe_clusters(clusters=[name]))
    for cluster in (clusters or {}).get("clusters", []):
        if cluster["status"] != "INACTIVE":
            yield Thing("cluster", cluster["clusterName"])
    asked: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("repository", "ecr", "describe_repositories", name, {"repositoryNames": [name]}),
        ("load balancer", "elbv2", "describe_load_balancers", name, {"Names": [name]}),
        ("target group", "elbv2", "describe_target_groups", name, {"Names": [name]}),
        ("database subnets", "rds", "describe_db_subnet_groups", name, {"DBSubnetGroupName": name}),
        (
            "database parameters",
            "rds",
            "describe_db_parameter_groups",
            f"{name}-postgres15",
            {"DBParameterGroupName": f"{name}-postgres15"},
        ),
        ("role", "iam", "get_role", f"{name}-execution", {"RoleName": f"{name}-execution"}),
        ("role", "iam", "get_role", f"{name}-task", {"RoleName": f"{name}-task"}),
    )
    for kind, service, operation, which, options in asked:
        answer = present(f"{kind} {which}", partial(getattr(client(service), operation), **options))
        if answer and any(value for key, value in answer.items() if key != "ResponseMetadata"):
            yield Thing(kind, which)
    for topic in pages("topics", "sns", "list_topics", "Topics"):
        if topic["TopicArn"].endswith(f":{name}-alarms"):
            yield Thing("topic", topic["TopicArn"])
    for alarm in pages("alarms", "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{name}-"):
        # The prefix also finds alarms of a platform `shop-2`, which notify another topic.
        if any(topic.endswith(f":{name}-alarms") for topic in alarm["AlarmActions"]):
            yield Thing("alarm", alarm["AlarmName"])


def _network(platform: Platform) -> Iterator[Thing]:
    """Yield what has no name of its own, by its tags."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in platform.tags.items()]
    for kind, (operation, answer, key) in _NETWORK.items():
        found = present(kind, partial(getattr(client("ec2"), operation), Filters=filters)) or {}
        for one in found.get(answer, []):
            if str(one.get("State", "")).lower() not in _GONE:
                yield Thing(kind, one[key])


def _tagged(platform: Platform) -> list[str]:
    filters = [{"Key": key, "Values": [value]} for key, value in platform.tags.items()]
    found = pages(
        "tagged resources",
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        TagFilters=filters,
    )
    return [one["ResourceARN"] for one in found]


def _is_known(arn: str, platform: Platform, seen: set[str]) -> bool:
    """Whether the resource was looked up already, so that its own service has said whether it exists."""
    service, _, _, rest = arn.split(":", 5)[2:]
    kind = re.split("[/:]", rest)[0]
    if service == "ec2":
        return kind in _NETWORK or kind in {"route", "security-group-rule"}
    if service == "s3":
        return rest in seen or rest in platform.buckets
    name = platform.name
    known = (
        *(f"{one}/{name}" for one in ("cluster", "service", "task", "repository", "stack", "targetgroup")),
        *(f"{one}/app/{name}/" for one in ("loadbalancer", "listener")),
        *(f"task-definition/{name}:", f"task-definition/{platform.worker_families}"),
        *(f"role/{name}-", f"alarm:{name}-", f"{name}-alarms", "snapshot:"),
        *(f"db:{platform.database}", f"subgrp:{name}", f"pg:{name}-", f"parameter{platform.parameter_path}/"),
        *(f"log-group:{group}" for group in (*platform.log_groups, f"{platform.database_logs}-")),
    )
    return rest.startswith(known)
