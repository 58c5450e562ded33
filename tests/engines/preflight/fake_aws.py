"""Answers of AWS that an emulator does not give: refusals, quotas, regions that are off, buckets of others.

A mock, because no real account can be had here. It speaks AWS's protocols, so that botocore is the real one.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

ACCOUNT = "123456789012"


def failure(code: str, status: int = 403) -> tuple[int, str]:
    """Return an error of the protocols that speak XML; EC2 wraps it otherwise than the rest."""
    error = f"<Error><Code>{code}</Code><Message>because</Message></Error>"
    return status, f"<Response><Errors>{error}</Errors>{error}</Response>"


def result(action: str, body: str) -> tuple[int, str]:
    return 200, f"<{action}Response><{action}Result>{body}</{action}Result>{body}</{action}Response>"


def items(action: str, name: str, *bodies: str) -> tuple[int, str]:
    return result(action, f"<{name}>{''.join(f'<item>{body}</item>' for body in bodies)}</{name}>")


def as_json(status: int = 200, **body: object) -> tuple[int, str]:
    return status, json.dumps(body)


def quota(value: float) -> tuple[int, str]:
    return as_json(Quota={"Value": value})


def hosted_zones(*names: str) -> tuple[int, str]:
    zones = "".join(
        f"<HostedZone><Id>/hostedzone/Z{name[:4].upper()}</Id><Name>{name}</Name><CallerReference>c</CallerReference>"
        "<Config><PrivateZone>false</PrivateZone></Config></HostedZone>"
        for name in names
    )
    return 200, (
        '<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
        f"<HostedZones>{zones}</HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
        "</ListHostedZonesByNameResponse>"
    )


# An account that is empty, and large enough.
EMPTY = {
    "GetCallerIdentity": result(
        "GetCallerIdentity",
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/ada</Arn><UserId>u</UserId><Account>{ACCOUNT}</Account>",
    ),
    "DescribeRegions": items("DescribeRegions", "regionInfo", "<optInStatus>opted-in</optInStatus>"),
    "HEAD": (404, ""),
    "DescribeCertificate": as_json(Certificate={"Status": "ISSUED", "DomainName": "bmii.example.org"}),
    "ListHostedZonesByName": hosted_zones("example.org."),
    "DescribeOrderableDBInstanceOptions": result(
        "DescribeOrderableDBInstanceOptions",
        "<OrderableDBInstanceOptions><OrderableDBInstanceOption><Engine>postgres</Engine>"
        "</OrderableDBInstanceOption></OrderableDBInstanceOptions>",
    ),
    "DescribeVpcs": items("DescribeVpcs", "vpcSet", "<vpcId>vpc-1</vpcId>"),
    "DescribeAddresses": items("DescribeAddresses", "addressesSet"),
    "DescribeDBInstances": result("DescribeDBInstances", "<DBInstances/>"),
    "GetServiceQuota": quota(20),
    "GetAWSDefaultServiceQuota": quota(20),
}


class FakeAws:
    """Answers each operation with what ``answers`` holds for it; ``asked`` is what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = dict(EMPTY)
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer("HEAD")

            def do_GET(self) -> None:
                self._answer("ListHostedZonesByName")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                target = self.headers.get("X-Amz-Target", "")
                self._answer(target.rpartition(".")[2] or parse_qs(body)["Action"][0])

            def _answer(self, operation: str) -> None:
                fake.asked.append(operation)
                status, body = fake.answers[operation]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if operation != "HEAD":
                    self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler
