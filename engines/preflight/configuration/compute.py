"""Rules about the network, the size of a task, how its image is built and how long its logs are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, ip_network

from engines.preflight.model import Finding, Rule, Settings

# CPU units of a Fargate task → the MiB it may have (docs.aws.amazon.com, "Task CPU and memory").
FARGATE: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}

# What CloudWatch Logs takes ("PutRetentionPolicy").
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WIDEST = 8  # bits: no network of anybody's own is wider
_BUILDERS = ("docker", "oci")
_EGRESS = ("nat", "endpoints")


def _network(settings: Settings) -> Iterator[Finding]:
    network = _range(settings.vpc_cidr)
    if network is None or not 16 <= network.prefixlen <= 22 or not network.is_private:  # noqa: PLR2004 - AWS's own limits
        yield Finding(
            "platform_vpc_cidr",
            f"{settings.vpc_cidr!r} is not a private range from /16 to /22",
            "Set one such as 10.20.0.0/16, with no host bits.",
        )
    operator = _range(settings.operator_cidr)
    if settings.operator_cidr and (operator is None or operator.prefixlen < _WIDEST):
        yield Finding(
            "provision_operator_cidr",
            f"{settings.operator_cidr!r} is not a range that may reach the database",
            "Set the range of the VPN or the peered network, or leave it empty.",
        )
    if settings.database_access == "relay" and not operator:
        yield Finding(
            "provision_operator_cidr",
            "is not set, so that a relay to the database would admit nobody",
            "Set the public address of this machine (`curl https://checkip.amazonaws.com`), with /32.",
        )
    if settings.database_access == "relay" and settings.real_account and operator and operator.is_private:
        yield Finding(
            "provision_operator_cidr",
            f"{settings.operator_cidr} is private, and a relay has a public address",
            "Set the address with which this machine reaches the internet, or database_access: direct.",
        )


def _connected(settings: Settings) -> Iterator[Finding]:
    """Check the networks that the VPC will be connected to: overlapping ranges could not be routed."""
    network = _range(settings.vpc_cidr)
    for text in settings.connected_cidrs:
        if _range(text) is None:
            yield Finding(
                "platform_connected_cidrs", f"{text!r} is not a range", "Set one such as 10.30.0.0/16."
            )
    # The operator may be within the VPC: on a bastion, say.
    for text in settings.connected_cidrs:
        other = _range(text)
        if network and other and other.prefixlen >= _WIDEST and network.overlaps(other):
            yield Finding(
                "platform_vpc_cidr",
                f"{network} overlaps {other}, to which it is to be connected",
                "Take a range that nothing else uses.",
            )


def _egress(settings: Settings) -> Iterator[Finding]:
    if settings.egress and settings.egress not in _EGRESS:
        yield Finding("provision_egress", f"{settings.egress!r} is not known", "Set nat or endpoints.")


def _range(text: str) -> IPv4Network | None:
    try:
        network = ip_network(text)
    except ValueError:
        return None
    return network if isinstance(network, IPv4Network) else None


def _size(settings: Settings) -> Iterator[Finding]:
    cpu, memory = settings.cpu, settings.memory
    if settings.desired_count < 0:
        yield Finding("platform_desired_count", "is negative", "Set how many tasks shall run, or 0.")
    if cpu not in FARGATE:
        sizes = ", ".join(map(str, FARGATE))
        yield Finding("platform_cpu", f"{cpu} is not a size of Fargate's", f"Set one of {sizes}.")
    elif memory not in FARGATE[cpu]:
        yield Finding(
            "platform_memory",
            f"{memory} MiB do not go with {cpu} CPU units on Fargate",
            f"Set one of {', '.join(str(size) for size in FARGATE[cpu])}.",
        )


def _workers(settings: Settings) -> Iterator[Finding]:
    """Check the size of each worker, which has the service's where it says nothing."""
    for one in settings.workers:
        cpu, memory = int(one.get("cpu") or settings.cpu), int(one.get("memory") or settings.memory)
        if memory not in FARGATE.get(cpu, ()) and {"cpu", "memory"} & set(one):
            yield Finding(
                "platform_workers",
                f"{one['name']}: {cpu} CPU units and {memory} MiB are no size of Fargate's",
                f"Set cpu to one of {', '.join(map(str, FARGATE))}, and memory to one that goes with it.",
            )


def _builder(settings: Settings) -> Iterator[Finding]:
    if settings.container_builder not in _BUILDERS:
        yield Finding(
            "platform_container_builder",
            f"{settings.container_builder!r} is not known",
            "Set docker or, for a rehearsal without an engine, oci.",
        )
    # Its image holds no interpreter: Fargate could not start it, and would say so only once data are copied.
    elif settings.container_builder == "oci" and settings.real_account:
        yield Finding(
            "platform_container_builder",
            "is oci, whose image holds no Python and starts in the rehearsal alone",
            "Set docker, and run this on a machine with a Docker engine.",
        )


def _logs(settings: Settings) -> Iterator[Finding]:
    days = settings.log_retention_days
    if days is not None and days not in LOG_RETENTION_DAYS:
        near = min(LOG_RETENTION_DAYS, key=lambda known: abs(known - days))
        yield Finding(
            "provision_log_retention_days", f"CloudWatch Logs does not know {days} days", f"Set {near}."
        )


def _watching(settings: Settings) -> Iterator[Finding]:
    if settings.access_logs_days is not None and settings.access_logs_days < 1:
        yield Finding("provision_access_logs_days", "is less than a day", "Set a number of days, such as 90.")
    if settings.alarm_email and not _EMAIL.fullmatch(settings.alarm_email):
        yield Finding(
            "provision_alarm_email",
            f"{settings.alarm_email!r} is not an address for mail",
            "Set one such as ops@example.org, or leave it empty.",
        )


RULES: tuple[Rule, ...] = (_network, _connected, _egress, _size, _workers, _builder, _logs, _watching)
