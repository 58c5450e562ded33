"""Taking back what was made for a domain: the record of the load balancer, and the certificate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engines.aws import AwsError, client, translated
from engines.domain import zones
from engines.domain.certificate import find
from engines.domain.certificates import describe
from engines.domain.errors import DomainError, NoZoneError
from engines.waiting import wait


def leading(domain: str, zone: str, balancer: str) -> list[Mapping[str, Any]]:
    """Return the aliases by which ``domain`` leads to the load balancer of that name.

    A name that leads to a load balancer that is gone can be taken over by whoever gets its address.
    """
    name = re.compile(
        rf"(dualstack\.)?{re.escape(balancer)}-[0-9a-f]+\.[a-z0-9-]+\.elb\.amazonaws\.com(\.cn)?"
    )
    return [
        one
        for one in _records(zone, domain, domain)
        if name.fullmatch(zones.plain(one.get("AliasTarget", {}).get("DNSName", "")))
    ]


def _records(zone: str, domain: str, name: str) -> list[Mapping[str, Any]]:
    """Return the records of ``name``: none where the zone is gone, and they with it."""
    try:
        return list(zones.records(zones.find(zone, domain), name))
    except NoZoneError:
        return []


def requested(domain: str, tags: Mapping[str, str]) -> str:
    """Return the ARN of the certificate that was requested with ``tags``; empty if there is none."""
    found = find(domain, tags)
    return found.arn if found else ""


def remove_record(domain: str, zone: str, balancer: str) -> None:
    """Let ``domain`` lead nowhere, if it leads to the load balancer of that name."""
    _delete(zone, domain, leading(domain, zone, balancer))


def remove_certificate(arn: str, domain: str, zone: str, timeout: float) -> None:
    """Delete the certificate, and the records in ``zone`` that have proven it.

    AWS takes it for used by a load balancer that is gone, for a while. Raises ``DomainError`` when it is so
    after ``timeout`` seconds.
    """
    found = describe(arn)
    if found and zone:
        wanted = {zones.plain(record.name): zones.plain(record.value) for record in found.records}
        for name, value in wanted.items():
            there = [one for one in _records(zone, domain, name) if one["Type"] == "CNAME"]
            proving = [one for one in there if zones.plain(one["ResourceRecords"][0]["Value"]) == value]
            _delete(zone, domain, proving)

    def stuck(_: str) -> DomainError:
        return DomainError(
            f"is still in use after {timeout:.0f} s",
            subject=f"certificate {arn}",
            remedy="See in ACM by what, take it from there, and run the same command again.",
        )

    wait(_deleting(arn), lambda state: state == "gone", lambda state: state, timeout=timeout, stuck=stuck)


def _deleting(arn: str) -> Callable[[], str]:
    def delete() -> str:
        try:
            with translated(f"certificate {arn}"):
                client("acm").delete_certificate(CertificateArn=arn)
        except AwsError as error:
            if error.code == "ResourceInUseException":
                return "in use"
            if error.code != "ResourceNotFoundException":
                raise
        return "gone"

    return delete


def _delete(zone: str, domain: str, records: list[Mapping[str, Any]]) -> None:
    changes = [{"Action": "DELETE", "ResourceRecordSet": dict(one)} for one in records]
    if not changes:
        return
    zone_id = zones.find(zone, domain)
    try:
        zones.change(zone_id, changes, "the platform is taken down")
    except AwsError as error:
        # Repeated after an answer that was lost, it is refused: they are gone.
        there = [dict(one) for record in records for one in zones.records(zone_id, record["Name"])]
        if error.code != "InvalidChangeBatch" or any(dict(one) in there for one in records):
            raise
