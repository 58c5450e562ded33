"""A certificate is given, found, or requested and proven, and what it waits for is said."""

from __future__ import annotations

import uuid

import pytest

from engines.aws import client
from engines.domain import DomainError, ensure_certificate
from engines.domain.model import Certificate

TAGS = {"Project": "bmii", "Environment": "test"}


@pytest.fixture
def domain(aws):
    return f"{uuid.uuid4().hex[:8]}.test"


@pytest.fixture
def zone(domain):
    client("route53").create_hosted_zone(Name=domain, CallerReference=domain)
    return domain


@pytest.mark.parametrize(
    ("names", "domain", "covers"),
    [
        (["bmii.example.org"], "bmii.example.org", True),
        (["*.example.org"], "BMII.example.org", True),
        (["*.example.org"], "a.bmii.example.org", False),
        (["*.example.org"], "example.org", False),
        (["example.org"], "bmii.example.org", False),
    ],
)
def test_which_names_a_certificate_is_for(names, domain, covers):
    assert Certificate("arn", "ISSUED", tuple(names)).covers(domain) is covers


def test_a_certificate_is_requested_proven_and_found_again(zone):
    planned = ensure_certificate(zone, zone=zone, tags=TAGS, check=True)
    assert (planned["changed"], planned["arn"]) == (True, "")

    made = ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)
    assert (made["changed"], made["status"], made["records"]) == (True, "ISSUED", [])
    again = ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)
    assert (again["changed"], again["arn"]) == (False, made["arn"])
    assert ensure_certificate(zone, arn=made["arn"])["status"] == "ISSUED"


def test_a_certificate_of_somebody_else_is_not_taken(zone):
    other = client("acm").request_certificate(DomainName=zone, ValidationMethod="DNS")["CertificateArn"]
    assert ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)["arn"] != other


def test_where_dns_is_elsewhere_the_records_are_said_and_waited_for(domain):
    said = []
    first = ensure_certificate(domain, tags=TAGS)
    assert (first["changed"], first["status"]) == (True, "PENDING_VALIDATION")
    [record] = first["records"]
    assert f".{domain}. 300 IN CNAME _" in record

    with pytest.raises(DomainError) as caught:
        ensure_certificate(
            domain, tags=TAGS, timeout=0.3, report=lambda kind, **fields: said.append((kind, fields))
        )
    assert record in caught.value.what
    assert "Enter these records" in caught.value.remedy
    assert f"waits for DNS to have {record}" in said[-1][1]["text"]
    assert [kind for kind, _ in said] == ["certificate.record", "certificate.waiting"]
    assert ensure_certificate(domain, tags=TAGS)["arn"] == first["arn"]


def test_a_record_that_somebody_has_changed_is_put_back(zone):
    arn = ensure_certificate(zone, tags=TAGS)["arn"]
    route53 = client("route53")
    [found] = route53.list_hosted_zones_by_name(DNSName=zone)["HostedZones"][:1]
    options = client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    wrong = {
        "Name": options[0]["ResourceRecord"]["Name"],
        "Type": "CNAME",
        "TTL": 300,
        "ResourceRecords": [{"Value": "wrong.example.org."}],
    }
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": wrong}]}
    route53.change_resource_record_sets(HostedZoneId=found["Id"], ChangeBatch=batch)

    assert ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)["status"] == "ISSUED"


def test_a_given_certificate_has_to_be_of_use(zone):
    arn = ensure_certificate(zone, tags=TAGS)["arn"]
    with pytest.raises(DomainError, match="is PENDING_VALIDATION"):
        ensure_certificate(zone, arn=arn)
    ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)
    with pytest.raises(DomainError, match=f"is for {zone}, not for other.test"):
        ensure_certificate("other.test", arn=arn)
    with pytest.raises(DomainError, match="does not exist"):
        ensure_certificate(zone, arn=f"{arn[:-12]}000000000000")
