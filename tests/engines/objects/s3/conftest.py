"""A server that follows a script, and a store that leads to it."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from engines.objects.s3 import client as module
from engines.objects.s3.endpoint import Endpoint
from tests.engines.objects.scripted import (
    Handler,
    answer,
)


@pytest.fixture
def server(servers, monkeypatch):
    """Return a server: ``script`` is what it does next, ``otherwise`` what then, ``seen`` what it got."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.seen, made.otherwise, made.lock = [], [], answer(), threading.Lock()
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def store(server):
    url = f"http://127.0.0.1:{server.server_port}"
    with Endpoint(bucket="raw", endpoint=url, access_key="a", secret_key="b").connect() as connected:
        yield connected


@pytest.fixture
def clock(monkeypatch):
    """Return the time that stands still for a store alone, ``now``, and for how long it ``slept``."""
    slept = []
    now = 1_800_000_000.0
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now, sleep=slept.append))
    return SimpleNamespace(now=now, slept=slept)
