"""Certificates as ACM has them: reading one, and what keeps it from being of use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engines.aws import AwsError, client, translated
from engines.domain.model import ISSUED, Certificate, Cname


def describe(arn: str) -> Certificate | None:
    """Return a certificate; ``None`` when there is no such."""
    try:
        with translated(f"certificate {arn}"):
            found = client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    return read(arn, found)


def read(arn: str, found: Mapping[str, Any]) -> Certificate:
    """Return what ACM has described."""
    options = found.get("DomainValidationOptions", [])
    records = [one["ResourceRecord"] for one in options if one.get("ResourceRecord")]
    return Certificate(
        arn=arn,
        status=str(found["Status"]),
        names=tuple(found.get("SubjectAlternativeNames") or [found["DomainName"]]),
        records=tuple(dict.fromkeys(Cname(one["Name"], one["Value"]) for one in records)),
        reason=str(found.get("FailureReason") or ""),
        ends=found.get("NotAfter"),
    )


def fault(certificate: Certificate, domain: str) -> str:
    """Return why browsers would refuse it for ``domain``, or nothing."""
    if certificate.status != ISSUED:
        return f"is {certificate.status}, not {ISSUED}"
    if not certificate.covers(domain):
        return f"is for {', '.join(certificate.names)}, not for {domain}"
    if certificate.ends and certificate.ends < datetime.now(UTC):
        return f"has expired on {certificate.ends:%Y-%m-%d}"
    return ""
