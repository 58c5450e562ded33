"""What was made for a domain is taken back, and nothing else."""

from __future__ import annotations

import uuid

import pytest

from engines.aws import client
from engines.domain import (
    Destination,
    ensure_certificate,
    ensure_record,
    leading,
    remove_certificate,
    remove_record,
    requested,
)

HERE = Destination("bmii-123.us-east-1.elb.amazonaws.com", "Z35SXDOTRQ7X7K")
TAGS = {"Project": "bmii"}


@pytest.fixture
def zone(aws):
    name = f"{uuid.uuid4().hex[:8]}.test"
    client("route53").create_hosted_zone(Name=name, CallerReference=name)
    return name


def names(zone):
    route53 = client("route53")
    [found] = route53.list_hosted_zones_by_name(DNSName=zone, MaxItems="1")["HostedZones"]
    listed = route53.list_resource_record_sets(HostedZoneId=found["Id"])["ResourceRecordSets"]
    return [one["Name"] for one in listed if one["Type"] not in {"NS", "SOA"}]


def test_a_certificate_goes_with_the_record_that_has_proven_it(zone):
    arn = ensure_certificate(zone, zone=zone, tags=TAGS, timeout=250)["arn"]
    assert requested(zone, TAGS) == arn
    assert len(names(zone)) == 1

    remove_certificate(arn, zone, zone, 250)
    assert (requested(zone, TAGS), names(zone)) == ("", [])
    remove_certificate(arn, zone, zone, 250)


def test_a_record_that_leads_to_another_load_balancer_stays(zone):
    ensure_record(zone, Destination("bmii-2-123.us-east-1.elb.amazonaws.com", "Z1"), zone=zone)
    assert leading(zone, zone, "bmii") == []
    remove_record(zone, zone, "bmii")
    assert names(zone) == [f"{zone}."]


@pytest.mark.parametrize("name", [HERE.dns_name, "bmii-0a1b2c3d.us-east-1.elb.amazonaws.com"])
def test_a_record_that_leads_here_goes(zone, name):
    ensure_record(zone, Destination(name, HERE.zone_id), zone=zone)
    assert len(leading(zone, zone, "bmii")) == 1
    remove_record(zone, zone, "bmii")
    assert names(zone) == []
    remove_record(zone, zone, "bmii")


def test_where_the_zone_is_gone_nothing_of_ours_is_left_in_it(zone):
    gone = f"gone-{zone}"
    assert leading(gone, gone, "bmii") == []
    remove_record(gone, gone, "bmii")
    arn = ensure_certificate(gone, tags=TAGS, timeout=0)["arn"]
    remove_certificate(arn, gone, gone, 250)
    assert requested(gone, TAGS) == ""
