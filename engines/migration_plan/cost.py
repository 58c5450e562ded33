"""What the target costs a month, from a dated table of list prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

_HOURS = 730  # of a month, as AWS's own calculator has it
_GB = 1 << 30
_MIB_PER_GB = 1024
_UNITS_PER_VCPU = 1024
NOT_IN_IT = (
    "requests and traffic of users (load balancer capacity, NAT and endpoint traffic, data out), logs, "
    "container metrics, images, and what storage grows by"
)


@dataclass(frozen=True)
class Item:
    """One line of the estimate, in USD a month."""

    what: str
    monthly: float


@dataclass(frozen=True)
class Estimate:
    """The cost by the month; ``once`` is what the copying itself costs. Both in USD.

    ``priced_as`` is the region whose prices are used; ``unknown`` names what has no price in the table.
    """

    items: tuple[Item, ...]
    once: float
    region: str
    priced_as: str
    as_of: str
    sources: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def monthly(self) -> float:
        """The sum of the items."""
        return round(sum(item.monthly for item in self.items), 2)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "monthly_usd": self.monthly,
            "once_usd": round(self.once, 2),
            "items": [{"what": one.what, "monthly_usd": round(one.monthly, 2)} for one in self.items],
            "region": self.region,
            "priced_as": self.priced_as,
            "as_of": self.as_of,
            "sources": list(self.sources),
            "unknown": list(self.unknown),
            "not_in_it": NOT_IN_IT,
        }


def estimate(
    region: str, sizes: list[Mapping[str, Any]], service: Mapping[str, Any], objects: int, size: int
) -> Estimate:
    """Return what ``sizes`` (of resources), ``service`` (its tasks) and ``size`` bytes of objects cost.

    ``objects`` is how many are copied. A region that the table does not have is priced as its first one.
    """
    table = prices()
    priced_as = region if region in table["regions"] else next(iter(table["regions"]))
    price = table["regions"][priced_as]
    priced = [item for one in sizes for item in _PRICED[one["type"]](one, price)]
    items = [item for item in priced if isinstance(item, Item)] + _tasks(service, price)
    items.append(Item(f"S3, {max(size / _GB, 0.1):.1f} GB", size / _GB * price["s3_gb_month"]))
    return Estimate(
        items=tuple(_together(items)),
        once=objects / 1000 * price["s3_thousand_puts"],
        region=region,
        priced_as=priced_as,
        as_of=table["as_of"],
        sources=tuple(table["sources"]),
        unknown=tuple(item for item in priced if isinstance(item, str)),
    )


@cache
def prices() -> dict[str, Any]:
    """Return the table of prices."""
    text = resources.files("engines.migration_plan").joinpath("prices.yml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


def _hourly(what: str, price: float, count: int = 1) -> Item:
    return Item(what, price * count * _HOURS)


def _database(one: Mapping[str, Any], price: Mapping[str, Any]) -> Iterator[Item | str]:
    zones, name = (2, "two zones") if one.get("MultiAZ") == "true" else (1, "one zone")
    kind = one["DBInstanceClass"]
    if kind in price["rds_hour"]:
        yield _hourly(f"RDS {kind}, {name}", price["rds_hour"][kind], zones)
    else:
        yield f"RDS {kind}"
    storage = int(one["AllocatedStorage"])
    yield Item(f"RDS storage, {storage} GB, {name}", storage * zones * price["rds_gp3_gb_month"])


def _balancer(one: Mapping[str, Any], price: Mapping[str, Any]) -> Iterator[Item | str]:
    yield _hourly("load balancer", price["balancer_hour"])
    if one.get("Scheme") == "internet-facing":
        yield _hourly("public IPv4 address", price["public_address_hour"], len(one.get("Subnets", [])))


def _endpoint(one: Mapping[str, Any], price: Mapping[str, Any]) -> Iterator[Item | str]:
    if one.get("VpcEndpointType") == "Interface":
        yield _hourly("interface endpoint", price["endpoint_hour"], len(one.get("SubnetIds", [])))


def _flat(what: str, key: str, times: int = 1) -> Callable[..., Iterator[Item | str]]:
    def priced(_: Mapping[str, Any], price: Mapping[str, Any]) -> Iterator[Item | str]:
        yield Item(what, price[key] * times)

    return priced


_PRICED: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Item | str]]] = {
    "AWS::RDS::DBInstance": _database,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::EC2::NatGateway": _flat("NAT gateway", "nat_hour", _HOURS),
    "AWS::EC2::EIP": _flat("public IPv4 address", "public_address_hour", _HOURS),
    "AWS::CloudWatch::Alarm": _flat("alarm", "alarm_month"),
    "AWS::KMS::Key": _flat("key", "key_month"),
}


def _tasks(service: Mapping[str, Any], price: Mapping[str, Any]) -> list[Item]:
    """Return what the tasks of the service cost."""
    if not service:
        return []
    count, rates = int(service["tasks"]), price["fargate"][service["platform"]]
    vcpu, memory = int(service["cpu"]) / _UNITS_PER_VCPU, int(service["memory"]) / _MIB_PER_GB
    hour = vcpu * rates["vcpu_hour"] + memory * rates["gb_hour"]
    return [_hourly(f"Fargate, {count} task(s) of {vcpu:g} vCPU and {memory:g} GB", hour, count)]


def _together(items: list[Item]) -> Iterator[Item]:
    """Add up items of the same name, the dearest first."""
    names = dict.fromkeys(item.what for item in items)
    sums = [(name, [one.monthly for one in items if one.what == name]) for name in names]
    for name, costs in sorted(sums, key=lambda one: -sum(one[1])):
        yield Item(name if len(costs) == 1 else f"{name} ({len(costs)})", sum(costs))
