"""Patches of ACM: a certificate is issued once its validation record is in DNS, and stays while it is used.

"DNS validation" and "DeleteCertificate" in the user guide and the API reference of AWS Certificate Manager.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415

_PENDING, _ISSUED = "PENDING_VALIDATION", "ISSUED"
_TOKEN_SECONDS = 3600
_REFUSED = 400


def issue_on_validation() -> None:
    """Issue what is requested when Route 53 has its record, and heed the idempotency token of the request."""
    from ministack.services import acm, route53

    request, describe, listing = acm._request_certificate, acm._describe_certificate, acm._list_certificates
    tokens: dict[tuple[str, str, str], tuple[float, Any]] = {}

    def requested(data: Any) -> Any:
        token = str(data.get("IdempotencyToken") or "")
        key = (acm.get_account_id(), token, str(data.get("DomainName")))
        if token and key in tokens and time.time() - tokens[key][0] < _TOKEN_SECONDS:
            return tokens[key][1]
        answer = request(data)
        if answer[0] < _REFUSED:
            _begin(acm._certificates[json.loads(answer[2])["CertificateArn"]], acm.get_account_id())
            tokens[key] = time.time(), answer
        return answer

    def described(data: Any) -> Any:
        _validate(acm, route53)
        answer = describe(data)
        certificate = acm._certificates.get(data.get("CertificateArn", ""))
        # The records come a moment after the request.
        return _without_record(answer) if certificate and certificate.pop("_unseen", False) else answer

    def listed(data: Any) -> Any:
        _validate(acm, route53)
        return listing(data)

    acm._request_certificate, acm._describe_certificate = requested, described
    acm._list_certificates = listed


def keep_used_certificates() -> None:
    """Refuse to delete a certificate that a listener serves, and say who uses it."""
    from ministack.core.responses import error_response_json
    from ministack.services import acm, alb

    delete, shape = acm._delete_certificate, acm._cert_shape

    def users(arn: str) -> list[str]:
        return [
            one["LoadBalancerArn"] for one in alb._listeners.values() if arn in one.get("Certificates", [])
        ]

    def deleted(data: Any) -> Any:
        arn = str(data.get("CertificateArn", ""))
        if users(arn):
            return error_response_json("ResourceInUseException", f"Certificate {arn} is in use.", _REFUSED)
        return delete(data)

    def shaped(certificate: Any) -> Any:
        found = shape(certificate)
        return {**found, "InUseBy": [*found["InUseBy"], *users(found["CertificateArn"])]}

    acm._delete_certificate, acm._cert_shape = deleted, shaped


def _begin(certificate: dict[str, Any], account: str) -> None:
    """Turn a certificate that the emulator has issued at once into one that waits for its records."""
    certificate["Status"] = _PENDING
    certificate["_unseen"] = True
    certificate.pop("IssuedAt", None)
    for option in certificate["DomainValidationOptions"]:
        base = option["DomainName"].removeprefix("*.")
        digest = hashlib.sha256(f"{account} {base}".encode()).hexdigest()
        option["ValidationStatus"] = _PENDING
        option["ResourceRecord"] = {
            "Name": f"_{digest[:32]}.{base}.",
            "Type": "CNAME",
            "Value": f"_{digest[32:]}.acm-validations.aws.",
        }


def _validate(acm: Any, route53: Any) -> None:
    records = set(_records(route53))
    for certificate in acm._certificates.values():
        if certificate["Status"] != _PENDING:
            continue
        options = certificate["DomainValidationOptions"]
        wanted = {(one["ResourceRecord"]["Name"], one["ResourceRecord"]["Value"]) for one in options}
        if wanted <= records:
            certificate["Status"] = _ISSUED
            certificate["IssuedAt"] = acm.now_iso()
            for option in options:
                option["ValidationStatus"] = "SUCCESS"


def _records(route53: Any) -> Iterator[tuple[str, str]]:
    for records in route53._records.values():
        for record in records:
            if record.get("Type") == "CNAME":
                for value in record.get("ResourceRecords") or []:
                    yield record["Name"], value.rstrip(".") + "."


def _without_record(answer: Any) -> Any:
    status, headers, body = answer
    found = json.loads(body)
    for option in found["Certificate"]["DomainValidationOptions"]:
        option.pop("ResourceRecord", None)
    return status, headers, json.dumps(found).encode()
