"""What becomes of the record of a domain, by what is there."""

from __future__ import annotations

import uuid

import pytest

from engines.aws import client
from engines.domain import Destination, DomainError, ensure_record, plan

DOMAIN = "bmii.example.org"
HERE = Destination("bmii-1.us-east-1.elb.amazonaws.com", "Z35SXDOTRQ7X7K")


def alias(name):
    return {"Name": DOMAIN, "Type": "A", "AliasTarget": {"DNSName": name, "HostedZoneId": "Z1"}}


def values(kind, *values, **more):
    records = [{"Value": value} for value in values]
    return {"Name": DOMAIN, "Type": kind, "TTL": 300, "ResourceRecords": records, **more}


@pytest.mark.parametrize(
    ("found", "move", "standing", "actions"),
    [
        ([], "", "created", ["UPSERT"]),
        ([values("TXT", "v=spf1")], "", "created", ["UPSERT"]),
        ([alias(f"{HERE.dns_name}.")], "", "set", []),
        ([alias(f"dualstack.{HERE.dns_name.upper()}.")], "", "set", []),
        ([values("CNAME", HERE.dns_name)], "", "set", []),
        ([values("A", "192.0.2.1")], "", "elsewhere", []),
        ([values("A", "192.0.2.1")], "another.example.org", "elsewhere", []),
        ([values("A", "192.0.2.1")], DOMAIN, "moved", ["UPSERT"]),
        ([values("CNAME", "old.example.org")], DOMAIN, "moved", ["DELETE", "UPSERT"]),
        ([alias(HERE.dns_name), values("AAAA", "2001:db8::1")], DOMAIN, "moved", ["DELETE", "UPSERT"]),
        ([values("A", "192.0.2.1", SetIdentifier="one", Weight=1)], DOMAIN, "elsewhere", []),
    ],
)
def test_what_becomes_of_a_record(found, move, standing, actions):
    made = plan(DOMAIN, HERE, found, move=move)
    assert (made.standing, [one["Action"] for one in made.changes]) == (standing, actions)
    assert DOMAIN in made.text


def test_without_a_zone_it_says_what_to_enter():
    result = ensure_record(DOMAIN, HERE)
    assert (result["changed"], result["standing"]) == (False, "by hand")
    assert f"CNAME to {HERE.dns_name}" in result["text"]


@pytest.fixture
def zone(aws):
    name = f"{uuid.uuid4().hex[:8]}.test"
    client("route53").create_hosted_zone(Name=name, CallerReference=name)
    return name


def entered(zone, *records):
    route53 = client("route53")
    [found] = route53.list_hosted_zones_by_name(DNSName=zone, MaxItems="1")["HostedZones"]
    changes = [{"Action": "CREATE", "ResourceRecordSet": {**one, "Name": f"api.{zone}"}} for one in records]
    if changes:
        route53.change_resource_record_sets(HostedZoneId=found["Id"], ChangeBatch={"Changes": changes})
    listed = route53.list_resource_record_sets(HostedZoneId=found["Id"])["ResourceRecordSets"]
    return {one["Type"]: one for one in listed if one["Name"] == f"api.{zone}."}


def test_a_domain_is_led_here_once(zone):
    assert ensure_record(f"api.{zone}", HERE, zone=zone, check=True)["standing"] == "created"
    assert entered(zone) == {}
    assert ensure_record(f"api.{zone}", HERE, zone=zone)["changed"]
    assert entered(zone)["A"]["AliasTarget"]["DNSName"] == f"{HERE.dns_name}."
    again = ensure_record(f"api.{zone}", HERE, zone=zone)
    assert (again["changed"], again["standing"]) == (False, "set")


def test_a_domain_that_leads_elsewhere_is_moved_by_consent_alone(zone):
    entered(zone, values("CNAME", "old.example.org"))
    kept = ensure_record(f"api.{zone}", HERE, zone=zone)
    assert (kept["changed"], kept["standing"]) == (False, "elsewhere")
    assert f"-e deploy_move_domain=api.{zone}" in kept["text"]
    assert "CNAME old.example.org" in kept["text"]

    assert ensure_record(f"api.{zone}", HERE, zone=zone, move=f"api.{zone}")["standing"] == "moved"
    assert set(entered(zone)) == {"A"}


def test_a_zone_has_to_be_there_and_to_hold_the_domain(zone):
    with pytest.raises(DomainError, match="is not in this account"):
        ensure_record(DOMAIN, HERE, zone="example.org")
    with pytest.raises(DomainError, match=f"does not hold {DOMAIN}"):
        ensure_record(DOMAIN, HERE, zone=zone)
    with pytest.raises(DomainError, match="does not exist"):
        ensure_record(DOMAIN, HERE, zone="Z0NOTTHERE")
    client("route53").create_hosted_zone(Name=zone, CallerReference=f"{zone} again")
    with pytest.raises(DomainError, match="is there 2 times"):
        ensure_record(f"api.{zone}", HERE, zone=zone)
