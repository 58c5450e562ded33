"""A proxy on the way to a store, with and without a password."""

from __future__ import annotations

import base64
import socket
import threading

import pytest
from botocore.exceptions import BotoCoreError

from engines.aws import AwsError, translated
from engines.objects.http.connections import ConnectError, ConnectionPool
from engines.objects.s3.endpoint import Endpoint
from tests.engines.objects.scripted import (
    answer,
)


def test_a_proxy_that_does_not_speak_http_is_reported(servers, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def talk():
            taken, _ = listening.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ConnectError):
            ConnectionPool("https://store.example").request("GET", "/", {})
        thread.join()


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_proxy_gets_its_password_and_says_if_it_wants_another(server, monkeypatch, password):
    def proxy(handler):
        right = base64.b64encode(b"user:right").decode()
        if handler.headers.get("proxy-authorization") != f"Basic {right}":
            return answer(407, **{"Proxy-Authenticate": "Basic"})(handler)
        return answer(200, b"x")(handler)

    server.otherwise = proxy
    monkeypatch.setenv("http_proxy", f"http://user:{password}@127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    endpoint = Endpoint(bucket="raw", endpoint="http://store.example", access_key="a", secret_key="b")
    with endpoint.connect() as store:
        if password == "right":
            assert store.read("GetObject", key="k") == b"x"
            assert server.seen[0].path == "http://store.example/raw/k"
            return
        with pytest.raises(AwsError, match="asks for a user and a password") as caught, translated("reading"):
            store.read("GetObject", key="k")
    assert len(server.seen) == 1
    assert password not in str(caught.value)


def test_a_tunnel_gets_the_password_too(server, monkeypatch):
    server.otherwise = answer(407)
    monkeypatch.setenv("https_proxy", f"http://user:right@127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    endpoint = Endpoint(bucket="raw", endpoint="https://store.example", access_key="a", secret_key="b")
    with endpoint.connect() as store, pytest.raises(BotoCoreError, match=r"\(407\)"):
        store.read("GetObject", key="k")
    assert [asked.command for asked in server.seen] == ["CONNECT"]
    assert server.seen[0].headers["proxy-authorization"].startswith("Basic ")
