"""A service is asked under its own name, wherever DNS leads, and what is wrong with a certificate is said."""

from __future__ import annotations

import pytest

from engines.errors import ConfigurationError
from engines.smoke import CertificateError, Http, NoAnswerError, Request, Route
from engines.smoke.certificates import refused
from tests.engines.smoke.tls_server import DAY, DOMAIN, Authority, serving

URL = f"https://{DOMAIN}"


@pytest.fixture(scope="module")
def authority(servers, tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def ask(authority):
    """Ask for the service behind a certificate, and return what its server saw."""

    def ask(certificate, *, trusting=authority):
        with serving(certificate) as server:
            route = Route(f"127.0.0.1:{server.server_port}", str(trusting.file))
            with Http(URL, route, window=0) as http:
                assert http.send(Request("GET", f"{URL}/health")).status == 200
            return server.asked

    return ask


def test_the_service_is_asked_under_a_name_that_resolves_nowhere(ask, authority):
    assert ask(authority.issue()) == [(DOMAIN, DOMAIN, "/health")]


@pytest.mark.parametrize(
    ("made", "what", "remedy"),
    [
        ({"ends": -DAY}, "has expired", "ACM renews"),
        ({"begins": 3 * DAY, "ends": 5 * DAY}, "is not valid yet", "clock"),
        ({"domain": "other.invalid"}, "is for another name", "platform_domain"),
        ({"itself": True}, "is signed by itself", "provision_certificate_arn"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_distinguished(ask, authority, made, what, remedy):
    with pytest.raises(CertificateError) as caught:
        ask(authority.issue(**made))
    assert f"the certificate that was sent for {DOMAIN} {what}" in caught.value.what
    assert remedy in caught.value.remedy


def test_an_authority_that_nobody_trusts_is_named(ask, authority, tmp_path):
    with pytest.raises(CertificateError, match="without the chain to an authority that is trusted"):
        ask(authority.issue(), trusting=Authority(tmp_path, "another"))


def test_a_certificate_is_proved_before_anything_is_done(authority):
    with serving(authority.issue(ends=-DAY)) as server:
        route = Route(f"127.0.0.1:{server.server_port}", str(authority.file))
        with Http(URL, route, window=0) as http, pytest.raises(CertificateError, match="has expired"):
            http.certify(URL)


def test_a_server_that_does_not_answer_yet_has_no_bad_certificate():
    with Http(URL, Route("127.0.0.1:1"), window=0) as http:
        http.certify(URL)
        with pytest.raises(NoAnswerError, match="refused"):
            http.send(Request("GET", URL))


def test_other_hosts_are_reached_as_dns_says(authority):
    with serving(authority.issue()) as server, Http(URL, Route("127.0.0.1:1"), window=0) as http:
        request = Request("GET", f"https://127.0.0.1:{server.server_port}/")
        with pytest.raises(CertificateError):
            http.send(request)


def test_where_to_connect_has_to_be_a_place():
    with pytest.raises(ConfigurationError, match="not a host"):
        Http(URL, Route("127.0.0.1:https"))


def test_an_error_that_is_not_about_a_certificate_is_none():
    assert refused(OSError("refused"), DOMAIN) is None
