"""Straight or through a proxy, as the environment says."""

from __future__ import annotations

import pytest

from engines.errors import ConfigurationError
from engines.objects.http.route import route


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variable", "value", "url", "expected"),
    [
        ("http_proxy", "", "http://store", (None, "")),
        ("http_proxy", "http://proxy:3128", "http://store:9000", (("proxy", 3128), "http://store:9000")),
        ("http_proxy", "proxy:3128", "http://store", (("proxy", 3128), "http://store")),
        ("http_proxy", "http://proxy", "http://store", (("proxy", 80), "http://store")),
        ("http_proxy", "http://[::1]:3128", "http://store", (("::1", 3128), "http://store")),
        ("http_proxy", "http://proxy", "https://store", (None, "")),
        ("https_proxy", "http://proxy:1", "https://store", (("proxy", 1), "")),
        ("all_proxy", "http://proxy:1", "https://store", (("proxy", 1), "")),
    ],
)
def test_a_proxy_is_taken_from_the_environment(monkeypatch, variable, value, url, expected):
    monkeypatch.setenv(variable, value)
    found = route(url)
    assert (found.proxy, found.absolute) == expected
    assert found.proxy_headers == {}


def test_user_and_password_are_sent_to_the_proxy_and_never_shown(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:p%40ss%3Aword@proxy:3128")
    found = route("https://store")
    assert found.proxy_headers == {"proxy-authorization": "Basic dXNlcjpwQHNzOndvcmQ="}
    assert "dXNlcjp" not in repr(found)


@pytest.mark.parametrize("value", ["socks5://user:secret@proxy:1", "https://user:secret@proxy", "http://"])
def test_another_kind_of_proxy_is_refused_without_its_password(monkeypatch, value):
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(ConfigurationError, match="http_proxy or all_proxy") as caught:
        route("http://store")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("exceptions", "url", "excepted"),
    [
        ("store", "http://store:9000", True),
        ("STORE.example", "http://store.EXAMPLE", True),
        ("example", "http://store.example", True),
        (".example", "http://store.example", True),
        ("*.example", "http://store.example", True),
        ("example", "http://notexample", False),
        ("*", "http://store", True),
        ("other, store", "http://store", True),
        ("other store", "http://store", True),
        ("store:9000", "http://store:9000", True),
        ("store:9001", "http://store:9000", False),
        ("10.0.0.0/8", "http://10.1.2.3:9000", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/8", "http://store", False),
        ("127.0.0.1", "http://127.0.0.1:1", True),
        ("[::1]", "http://[::1]:1", True),
        ("::1", "http://[::1]", True),
        ("", "http://store", False),
        (".", "http://store", False),
    ],
)
def test_what_needs_no_proxy_is_excepted(monkeypatch, exceptions, url, excepted):
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    monkeypatch.setenv("no_proxy", exceptions)
    assert (route(url).proxy is None) == excepted
