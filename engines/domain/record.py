"""The record that leads users to the load balancer: an alias in Route 53, or what to enter elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engines.aws import AwsError
from engines.domain import zones
from engines.domain.model import Destination, Plan

_LEADING = frozenset({"A", "AAAA", "CNAME"})


def ensure_record(
    domain: str, destination: Destination, *, zone: str = "", move: str = "", check: bool = False
) -> dict[str, Any]:
    """Make ``domain`` lead to ``destination``, and return ``{changed, standing, text, dns_name}``.

    Without a ``zone`` nothing is written, and the text says what to enter. A domain that leads elsewhere is
    moved when ``move`` names it: that moves its users. Raises ``DomainError`` and ``AwsError``.
    """
    if not zone:
        return _result(by_hand(domain, destination), destination, changed=False)
    zone_id = zones.find(zone, domain)
    wanted = plan(domain, destination, list(zones.records(zone_id, domain)), move=move)
    if wanted.changes and not check:
        try:
            zones.change(zone_id, wanted.changes, f"leads {domain} to the load balancer")
        except AwsError as error:
            # A batch whose answer was lost is refused the second time, since nothing is left to be deleted.
            found = plan(domain, destination, list(zones.records(zone_id, domain)))
            if error.code != "InvalidChangeBatch" or found.standing != "set":
                raise
    return _result(wanted, destination, changed=bool(wanted.changes))


def plan(
    domain: str, destination: Destination, found: Sequence[Mapping[str, Any]], *, move: str = ""
) -> Plan:
    """Return what becomes of the record sets ``found`` at ``domain``. Pure."""
    leading = [one for one in found if one["Type"] in _LEADING]
    if leading and all(_is_there(one, destination) for one in leading):
        return Plan("set", f"{domain} leads to the load balancer")
    alias = {"Action": "UPSERT", "ResourceRecordSet": _alias(domain, destination)}
    if not leading:
        return Plan("created", f"{domain} leads to the load balancer from now on", [alias])
    now = ", ".join(f"{one['Type']} {value}" for one in leading for value in _values(one))
    if any("SetIdentifier" in one for one in leading):
        text = (
            f"{domain} has a routing policy ({now}), which is changed by hand. {_instructions(destination)}"
        )
        return Plan("elsewhere", text)
    if move != domain:
        return Plan(
            "elsewhere",
            f"{domain} still leads elsewhere ({now}). To move its users run playbooks/deploy.yml with"
            f" -e deploy_move_domain={domain}",
        )
    gone = [{"Action": "DELETE", "ResourceRecordSet": dict(one)} for one in leading if one["Type"] != "A"]
    return Plan("moved", f"{domain} leads to the load balancer from now on (before: {now})", [*gone, alias])


def by_hand(domain: str, destination: Destination) -> Plan:
    """Return what is to be done where the domain's DNS is not Route 53's of this account."""
    return Plan("by hand", f"{domain} is yours to lead to the load balancer. {_instructions(destination)}")


def _instructions(destination: Destination) -> str:
    return (
        f"Enter a CNAME to {destination.dns_name} at it; at the top of a zone, where a CNAME cannot be, an"
        " ALIAS or ANAME"
    )


def _alias(domain: str, destination: Destination) -> dict[str, Any]:
    target = {
        "HostedZoneId": destination.zone_id,
        "DNSName": destination.dns_name,
        "EvaluateTargetHealth": False,
    }
    return {"Name": domain, "Type": "A", "AliasTarget": target}


def _is_there(record: Mapping[str, Any], destination: Destination) -> bool:
    there = {zones.plain(value).removeprefix("dualstack.") for value in _values(record)}
    return there == {zones.plain(destination.dns_name)}


def _values(record: Mapping[str, Any]) -> list[str]:
    if alias := record.get("AliasTarget"):
        return [str(alias["DNSName"])]
    return [str(one["Value"]) for one in record.get("ResourceRecords", [])]


def _result(wanted: Plan, destination: Destination, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "standing": wanted.standing,
        "text": wanted.text,
        "dns_name": destination.dns_name,
    }
