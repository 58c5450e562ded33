"""Whether the account's quotas leave room for what will be created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.aws import AwsError, translated
from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites.clients import Cloud, Question

_STACK = "aws:cloudformation:stack-name"
_CPU_UNITS = 1024  # of one vCPU


@dataclass(frozen=True)
class Quota:
    """A quota by its code, with the value that AWS publishes as its default (Service Quotas, July 2025)."""

    service: str
    code: str
    what: str
    default: float


VPCS = Quota("vpc", "L-F678F1CE", "VPCs", 5)
ADDRESSES = Quota("ec2", "L-0263D0A3", "Elastic IP addresses", 5)
INSTANCES = Quota("rds", "L-7B6409FD", "DB instances", 40)
FARGATE = Quota("fargate", "L-3032A538", "Fargate vCPUs", 6)


@dataclass(frozen=True)
class Need:
    """``used`` of ``quota`` by others or by us already, and how much ``more`` the migration takes."""

    quota: Quota
    used: float
    more: float


def question(cloud: Cloud) -> Question:
    """Return what asks the account; its clients are made here, by the caller's thread."""
    ec2, rds, service_quotas = (cloud.client(one) for one in ("ec2", "rds", "service-quotas"))

    def ask() -> Iterator[Finding]:
        for count in (_network, _instances, _compute):
            try:
                with translated("what the account has already"):
                    needs = count(cloud.settings, ec2, rds)
            except AwsError as error:
                cloud.cannot_ask("quotas", error)
                continue
            for need in needs:
                yield from _judge(cloud, need, service_quotas)

    return ask


def _network(settings: Settings, ec2: Any, _: Any) -> Sequence[Need]:
    vpcs, addresses = ec2.describe_vpcs()["Vpcs"], ec2.describe_addresses()["Addresses"]
    return (
        Need(VPCS, len(vpcs), 0 if _ours(vpcs, settings) else 1),
        Need(
            ADDRESSES, len(addresses), 1 if settings.egress == "nat" and not _ours(addresses, settings) else 0
        ),
    )


def _instances(settings: Settings, _: Any, rds: Any) -> Sequence[Need]:
    pages = rds.get_paginator("describe_db_instances").paginate()
    names = [one["DBInstanceIdentifier"] for page in pages for one in page["DBInstances"]]
    return (Need(INSTANCES, len(names), 0 if settings.database.get("instance_identifier") in names else 1),)


def _compute(settings: Settings, *_: Any) -> Sequence[Need]:
    """Count what a release takes: old and new tasks run together. Those of other services are unknown."""
    return (Need(FARGATE, 0, 2 * settings.desired_count * settings.cpu / _CPU_UNITS),)


def _ours(resources: Sequence[Mapping[str, Any]], settings: Settings) -> bool:
    tags = (tag for one in resources for tag in one.get("Tags", []))
    return any(tag["Key"] == _STACK and tag["Value"] == settings.name for tag in tags)


def _judge(cloud: Cloud, need: Need, service_quotas: Any) -> Iterator[Finding]:
    quota = need.quota
    known = True
    try:
        with translated(f"quota {quota.code}"):
            limit = _limit(service_quotas, quota)
    except AwsError as error:
        known, limit = False, quota.default
        cloud.cannot_ask(f"the quota of {quota.what} (AWS's default is {quota.default:g})", error)
    if not need.more or need.used + need.more <= limit:
        return
    text = f"the account has {need.used:g} of {limit:g} {quota.what}, and {need.more:g} more are needed"
    if known:
        yield Finding(
            "AWS quota", text, f"Raise it (Service Quotas, {quota.service} {quota.code}), or make room."
        )
    else:
        cloud.not_asked.append(f"{text}, if AWS's default holds")


def _limit(service_quotas: Any, quota: Quota) -> float:
    """Return the account's value, which is AWS's default unless an increase was granted."""
    which = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        return float(service_quotas.get_service_quota(**which)["Quota"]["Value"])
    except service_quotas.exceptions.NoSuchResourceException:
        return float(service_quotas.get_aws_default_service_quota(**which)["Quota"]["Value"])
