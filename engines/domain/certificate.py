"""The certificate of a domain: given, found, or requested and proven by a record."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from engines.aws import client, translated
from engines.domain import zones
from engines.domain.certificates import describe, fault
from engines.domain.errors import DomainError
from engines.domain.model import ISSUED, PENDING, Certificate
from engines.events import Emit, emit

_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_HEARTBEAT = 15.0
_RECORDS = 60.0  # seconds after which ACM has the records of a request


def ensure_certificate(
    domain: str,
    *,
    arn: str = "",
    zone: str = "",
    tags: Mapping[str, str] | None = None,
    timeout: float = 0,
    check: bool = False,
    report: Emit = emit,
) -> dict[str, Any]:
    """Return ``{changed, arn, status, records}`` of the certificate for ``domain``.

    With ``arn`` it has to be issued and for that domain. Without, the one that carries ``tags`` is taken, or
    requested; its records go into ``zone``, where there is one. For up to ``timeout`` seconds it is waited
    until ACM issues it. Raises ``DomainError``.
    """
    if arn:
        return _result(_given(arn, domain), changed=False)
    found = find(domain, tags or {})
    if check:
        return _result(found or Certificate("", "to be requested", (domain,)), changed=found is None)
    changed = found is None
    certificate = found or _request(domain, tags or {}, report)
    if certificate.status == PENDING:
        certificate = _with_records(certificate)
        changed |= _prove(certificate, domain, zone, report)
        if timeout:
            certificate = _wait(certificate, domain, zone, timeout, report)
    return _result(certificate, changed=changed)


def _given(arn: str, domain: str) -> Certificate:
    certificate = describe(arn)
    wrong = fault(certificate, domain) if certificate else "does not exist in this account and region"
    if certificate is None or wrong:
        raise DomainError(
            wrong,
            subject=f"certificate {arn}",
            remedy="Name another in provision_certificate_arn, or leave that empty to have one requested.",
        )
    return certificate


def find(domain: str, tags: Mapping[str, str]) -> Certificate | None:
    """Return the certificate that an earlier run has requested, an issued one first."""
    acm = client("acm")
    with translated("certificates"):
        pages = acm.get_paginator("list_certificates").paginate(CertificateStatuses=[ISSUED, PENDING])
        listed = [one for page in pages for one in page["CertificateSummaryList"]]
    arns = [one["CertificateArn"] for one in listed if one["DomainName"] == domain]
    mine = [describe(arn) for arn in arns if _carries(acm, arn, tags)]
    return next(iter(sorted(filter(None, mine), key=lambda one: one.status != ISSUED)), None)


def _carries(acm: Any, arn: str, tags: Mapping[str, str]) -> bool:
    with translated(f"certificate {arn}"):
        found = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
    there = {one["Key"]: one.get("Value", "") for one in found}
    return all(there.get(key) == value for key, value in tags.items())


def _request(domain: str, tags: Mapping[str, str], report: Emit) -> Certificate:
    with translated(f"certificate for {domain}"):
        made = client("acm").request_certificate(
            DomainName=domain,
            ValidationMethod="DNS",
            # A repeated call makes no second one; another run finds this one by its tags.
            IdempotencyToken=uuid.uuid4().hex,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    report("certificate.requested", domain=domain, arn=made["CertificateArn"])
    return Certificate(str(made["CertificateArn"]), PENDING, (domain,))


def _with_records(certificate: Certificate) -> Certificate:
    """Return it with its records, which ACM has a moment after the request."""
    deadline, pause, now = time.monotonic() + _RECORDS, _PAUSE, certificate
    while not now.records:
        now = describe(certificate.arn) or now
        if not now.records:
            if time.monotonic() > deadline:
                raise DomainError(
                    "has no validation records yet",
                    subject=f"certificate {certificate.arn}",
                    remedy="Run the same command again.",
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    return now


def _prove(certificate: Certificate, domain: str, zone: str, report: Emit) -> bool:
    """Write the records into the zone, where there is one; return whether anything was written."""
    for record in certificate.records:
        report("certificate.record", domain=domain, text=record.line())
    if not zone:
        return False
    zone_id, changes = zones.find(zone, domain), []
    for record in certificate.records:
        there = [one for one in zones.records(zone_id, record.name) if one["Type"] == "CNAME"]
        values = [zones.plain(one["Value"]) for one in there for one in one.get("ResourceRecords", [])]
        if values != [zones.plain(record.value)]:
            values_set = {"TTL": 300, "ResourceRecords": [{"Value": record.value}]}
            wanted = {"Name": record.name, "Type": "CNAME", **values_set}
            changes.append({"Action": "UPSERT", "ResourceRecordSet": wanted})
    if changes:
        zones.change(zone_id, changes, f"validates the certificate of {domain}")
    return bool(changes)


def _wait(certificate: Certificate, domain: str, zone: str, timeout: float, report: Emit) -> Certificate:
    """Wait until ACM has issued it, and say all the while what it is waiting for."""
    begun, reported, pause = time.monotonic(), 0.0, _PAUSE
    now: Certificate | None = certificate
    while now and now.status == PENDING:
        waited = time.monotonic() - begun
        if waited > timeout:
            raise _unproven(now, zone, timeout)
        if not reported or time.monotonic() - reported > _HEARTBEAT:
            reported = time.monotonic()
            records = "; ".join(record.line() for record in now.records)
            missing = "ACM to see its record in DNS" if zone else f"DNS to have {records}"
            text = f"the certificate waits for {missing} ({waited:.0f} of {timeout:.0f} s)"
            report("certificate.waiting", domain=domain, text=text)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        now = describe(certificate.arn)
    if now and now.status == ISSUED:
        report("certificate.issued", domain=domain, arn=now.arn)
        return now
    status = now.status if now else "deleted"
    raise DomainError(
        f"was not issued: it is {status}{f' ({now.reason})' if now and now.reason else ''}",
        subject=f"certificate {certificate.arn}",
        remedy="With CAA_ERROR, allow amazon.com in the CAA records of the domain. Delete this certificate in"
        " ACM, and run the same command again.",
    )


def _unproven(certificate: Certificate, zone: str, timeout: float) -> DomainError:
    lines = "".join(f"\n  {record.line()}" for record in certificate.records)
    where = (
        f"The records are in hosted zone {zone}: see that the domain is delegated to its name servers."
        if zone
        else "Enter these records where the domain's DNS is kept."
    )
    return DomainError(
        f"was not issued in {timeout:.0f} s, since ACM does not see its records in DNS:{lines}",
        subject=f"certificate {certificate.arn}",
        remedy=f"{where} Then run the same command again, which continues from there.",
    )


def _result(certificate: Certificate, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "arn": certificate.arn,
        "status": certificate.status,
        "records": [record.line() for record in certificate.records] if certificate.status == PENDING else [],
    }
