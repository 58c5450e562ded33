"""HTTPS listeners serve a certificate for their domain once ACM has issued it, as on AWS."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from engines.aws import client
from engines.smoke import CertificateError, Http, NoAnswerError, Request, Route
from tests.engines.smoke.tls_server import DAY, Authority


@pytest.fixture
def domain(aws):
    return f"{uuid.uuid4().hex[:8]}.test"


@pytest.fixture
def validated(domain):
    """Write the records of a certificate into a zone of the domain, as whoever owns it would."""
    route53, acm = client("route53"), client("acm")
    zone = route53.create_hosted_zone(Name=domain, CallerReference=uuid.uuid4().hex)["HostedZone"]["Id"]

    def validate(arn):
        [option] = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        record = option["ResourceRecord"]
        values = {"TTL": 300, "ResourceRecords": [{"Value": record["Value"]}]}
        change = {
            "Action": "UPSERT",
            "ResourceRecordSet": {"Name": record["Name"], "Type": "CNAME", **values},
        }
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})

    return validate


def status(arn):
    return client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"]


def test_a_certificate_is_issued_once_its_record_is_in_dns(domain, validated):
    acm = client("acm")
    request = {"DomainName": domain, "ValidationMethod": "DNS", "IdempotencyToken": "one"}
    arn = acm.request_certificate(**request)["CertificateArn"]

    first = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert first["Status"] == "PENDING_VALIDATION"
    assert "ResourceRecord" not in first["DomainValidationOptions"][0]
    assert acm.request_certificate(**request)["CertificateArn"] == arn
    assert status(arn) == "PENDING_VALIDATION"
    validated(arn)
    assert status(arn) == "ISSUED"


@pytest.fixture
def balancer(aws):
    """A load balancer that answers 200 over HTTPS with a certificate, and redirects HTTP."""
    elb, name = client("elbv2"), f"lb-{uuid.uuid4().hex[:8]}"
    made = elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    elb.create_listener(
        LoadBalancerArn=arn,
        Port=80,
        Protocol="HTTP",
        DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}],
    )

    def serve(certificate):
        answer = {
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "yes"},
        }
        elb.create_listener(
            LoadBalancerArn=arn,
            Port=443,
            Protocol="HTTPS",
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[answer],
        )
        return name

    yield serve
    elb.delete_load_balancer(LoadBalancerArn=arn)
    for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])


def ask(aws, domain):
    route = Route(f"127.0.0.1:{aws.tls_port}", str(aws.authority))
    with Http(f"https://{domain}", route, window=0) as http:
        return http.send(Request("GET", f"https://{domain}/health")).text


def test_the_load_balancer_serves_the_certificate_of_its_domain(aws, domain, validated, balancer):
    arn = client("acm").request_certificate(DomainName=domain, ValidationMethod="DNS")["CertificateArn"]
    name = balancer(arn)
    with pytest.raises(NoAnswerError):
        ask(aws, domain)
    status(arn)
    validated(arn)
    status(arn)

    assert ask(aws, domain) == "yes"
    with pytest.raises(CertificateError, match="for another name"):
        ask(aws, f"other.{domain}")
    with Http(window=0) as http:
        answer = http.send(Request("GET", f"{aws.endpoint}/_alb/{name}/health"))
    assert answer.status == 301
    with pytest.raises(client("acm").exceptions.ResourceInUseException):
        client("acm").delete_certificate(CertificateArn=arn)


def test_an_imported_certificate_is_served_as_it_is(aws, domain, balancer, tmp_path):
    text = Path(Authority(tmp_path).issue(domain, ends=-DAY)).read_text(encoding="utf-8")
    certificate, _, key = text.partition("-----BEGIN PRIVATE KEY-----")
    imported = client("acm").import_certificate(
        Certificate=certificate.encode(), PrivateKey=f"-----BEGIN PRIVATE KEY-----{key}".encode()
    )
    balancer(imported["CertificateArn"])
    with pytest.raises(CertificateError):
        ask(aws, domain)
