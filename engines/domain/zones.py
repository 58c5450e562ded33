"""Route 53: the zone of a domain, its records, and changes that are waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engines.aws import AwsError, client, translated
from engines.domain.errors import DomainError, NoZoneError
from engines.waiting import wait

_WAIT = 120.0


def find(zone: str, domain: str, route53: Any = None) -> str:
    """Return the id of ``zone``, a name or an id itself, which has to hold ``domain``.

    Asks by ``route53``, if another client than usual is to be used. Raises ``DomainError``.
    """
    route53 = route53 or client("route53")
    identifier, name = _by_name(zone, route53) if "." in zone else _by_id(zone, route53)
    if not f".{domain}.".endswith(f".{name}"):
        raise DomainError(
            f"does not hold {domain}",
            subject=f"hosted zone {name}",
            remedy="Name the zone of that domain in platform_hosted_zone, or leave it empty.",
        )
    return identifier


def records(zone_id: str, name: str) -> Iterator[Mapping[str, Any]]:
    """Yield the record sets of exactly ``name``, as Route 53 has them."""
    with translated(f"hosted zone {zone_id}"):
        pages = client("route53").get_paginator("list_resource_record_sets")
        for page in pages.paginate(HostedZoneId=zone_id, StartRecordName=name):
            for one in page["ResourceRecordSets"]:
                if plain(one["Name"]) != plain(name):
                    return
                yield one


def change(zone_id: str, changes: Sequence[Mapping[str, Any]], comment: str) -> None:
    """Make the changes, all or none, and wait until every server of the zone answers so."""
    route53 = client("route53")
    with translated(f"hosted zone {zone_id}"):
        batch = {"Comment": comment, "Changes": list(changes)}
        made = route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)["ChangeInfo"]

    def look() -> str:
        with translated(f"change {made['Id']}"):
            return str(route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"])

    def stuck(_: str) -> DomainError:
        return DomainError(
            f"has not reached all servers in {_WAIT:.0f} s",
            subject=f"a change of hosted zone {zone_id}",
            remedy="Run the same command again.",
        )

    wait(look, lambda status: status == "INSYNC", lambda status: status, timeout=_WAIT, stuck=stuck)


def plain(name: str) -> str:
    """Return a name as it is compared: without its last dot, and with the letters of ``*``."""
    return name.rstrip(".").lower().replace("\\052", "*")


def _by_name(zone: str, route53: Any) -> tuple[str, str]:
    wanted = f"{plain(zone)}."
    with translated(f"hosted zone {zone}"):
        found = route53.list_hosted_zones_by_name(DNSName=wanted)["HostedZones"]
    public = [one for one in found if one["Name"] == wanted and not one["Config"].get("PrivateZone")]
    remedy = (
        "Name another in platform_hosted_zone, if need be by its id, or leave it empty to set the records."
    )
    if not public:
        raise NoZoneError("is not in this account, or private", subject=f"hosted zone {zone}", remedy=remedy)
    if len(public) > 1:
        raise DomainError(f"is there {len(public)} times", subject=f"hosted zone {zone}", remedy=remedy)
    return str(public[0]["Id"]).rpartition("/")[2], wanted


def _by_id(zone: str, route53: Any) -> tuple[str, str]:
    try:
        with translated(f"hosted zone {zone}"):
            found = route53.get_hosted_zone(Id=zone)["HostedZone"]
    except AwsError as error:
        if error.code != "NoSuchHostedZone":
            raise
        raise NoZoneError(
            "does not exist in this account",
            subject=f"hosted zone {zone}",
            remedy="Correct platform_hosted_zone.",
        ) from error
    return str(found["Id"]).rpartition("/")[2], str(found["Name"])
