"""A certificate that users would refuse ends a release before it begins, with its fault and the remedy."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engines.ecs import CertificateRefusedError, DeployRequest, Wait, apply
from engines.smoke import Route
from tests.engines.smoke.tls_server import DAY, DOMAIN, Authority, serving


class Untouched:
    """Clients of AWS that nobody may use."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked")


def request(certificate, authority):
    service = SimpleNamespace(cluster="bmii", name="bmii", subnet_ids=["subnet-1"])
    release = SimpleNamespace(image="bmii@sha256:0", execution_role_arn="arn", family="bmii")
    route = Route(f"127.0.0.1:{certificate.server_port}", str(authority.file))
    return DeployRequest(release, service, Wait(1), f"https://{DOMAIN}", route=route)


@pytest.mark.parametrize(
    ("made", "what", "remedy"),
    [
        ({"ends": -DAY}, "has expired", "ACM renews"),
        ({"domain": "other.invalid"}, "is for another name", "provision_certificate_arn"),
        ({"itself": True}, "is signed by itself", "Name one that ACM has issued"),
    ],
)
def test_what_users_would_refuse_is_not_released(servers, tmp_path, made, what, remedy):
    authority = Authority(tmp_path)
    with serving(authority.issue(**made)) as server:
        wanted = request(server, authority)
        for act in (apply.try_out, lambda one, clients: apply.execute(one, None, None, clients, None)):
            with pytest.raises(CertificateRefusedError, match=f"{what}.*so nothing was released") as caught:
                act(wanted, Untouched())
            assert remedy in caught.value.remedy
            assert caught.value.subject == f"https://{DOMAIN}"
