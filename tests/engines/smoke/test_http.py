from __future__ import annotations

import socket

import pytest

from engines.smoke.errors import NoAnswerError
from engines.smoke.http import Answer, Http, Request


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_refused_connection_is_said_without_machinery():
    with Http(window=0) as http, pytest.raises(NoAnswerError) as caught:
        http.send(Request("GET", f"http://127.0.0.1:{free_port()}/health", {"X-API-Key": "canary-key"}))
    assert "refused" in str(caught.value)
    assert "object at" not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_headers_are_not_in_the_repr():
    assert "canary" not in repr(Request("GET", "http://x", {"X-API-Key": "canary-key"}))


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "", "<html>"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError):
        Answer(200, text, 1.0).json()
