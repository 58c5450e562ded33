"""Two real stores (SeaweedFS is the source, MiniStack the target), and fresh buckets for each test."""

from __future__ import annotations

import contextlib
import itertools
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from engines.objects.mirror import Options, mirror
from engines.objects.plan.decisions import Rules
from engines.objects.s3 import object_times
from engines.objects.s3.endpoint import Endpoint
from tests.engines.objects.memory_store import MemoryStore, serving
from tests.local_clients import client

# What SeaweedFS takes; it refuses keys with a part "." or "..", and stores "//" as "/".
NAMES = [
    "plain", "with space", "a+b", "a%b", "a%2Fb", "a&b=c;d", "q?x=1#y", "<&>\"'", "a:b|c*d", "tab\tkey",
    "line\nkey", "bell\x07key", "~tilde", "Case", "case", "日本/語", "😀", "\uffee",
    unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"), "a/b", "a-b/c", "a.b", "marker/",
    "marker/in/it", "k/" * 120 + "deep",
]  # fmt: skip
_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def short_seconds(monkeypatch):
    """Wait no second out for objects that a test has just written; s3/test_object_times.py is about that."""
    monkeypatch.setattr(object_times, "WAIT", 0.01)


@dataclass(frozen=True)
class Side:
    """One bucket, with a boto3 client of the test's own: what it sees is not seen through our code."""

    endpoint: Endpoint
    client: Any

    def put(self, key: str, body: bytes = b"", **options: Any) -> None:
        self.client.put_object(Bucket=self.endpoint.bucket, Key=key, Body=body, **options)

    def get(self, key: str) -> Any:
        return self.client.get_object(Bucket=self.endpoint.bucket, Key=key)

    def body(self, key: str) -> bytes:
        return self.get(key)["Body"].read()

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.endpoint.bucket, Key=key)

    def listing(self) -> dict[str, tuple[str, int, object]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.endpoint.bucket)
        return {
            found["Key"]: (found["ETag"], found["Size"], found["LastModified"])
            for page in pages
            for found in page.get("Contents", ())
        }


@dataclass(frozen=True)
class Stage:
    """A source, a target, and where the proofs are kept."""

    source: Side
    target: Side
    manifest: Path

    def options(self, **changes: Any) -> Options:
        rules = {name: changes.pop(name) for name in list(changes) if name in Rules.__dataclass_fields__}
        return replace(Options(manifest=self.manifest, part_size=5 << 20, rules=Rules(**rules)), **changes)

    def mirror(self, **changes: Any) -> Any:
        return mirror(self.source.endpoint, self.target.endpoint, self.options(**changes))


def filled(side, names=("one", "two", "three")):
    for name in names:
        side.put(name, b"" if name.endswith("/") else name.encode() * 3)


@pytest.fixture(scope="session")
def clients(object_store, aws):
    old = client(object_store.endpoint, (object_store.access_key, object_store.secret_key))
    new = client(aws.endpoint)
    yield old, new
    old.close()
    new.close()


@pytest.fixture
def stage(object_store, clients, tmp_path):
    """Return a fresh pair of buckets. The target's endpoint is the environment's, as on AWS."""
    number = next(_NUMBERS)
    old, new = f"old-{number}", f"new-{number}"
    clients[0].create_bucket(Bucket=old)
    clients[1].create_bucket(Bucket=new)
    keys = {"access_key": object_store.access_key, "secret_key": object_store.secret_key}
    source = Side(Endpoint(bucket=old, endpoint=object_store.endpoint, **keys), clients[0])
    yield Stage(source, Side(Endpoint(bucket=new), clients[1]), tmp_path / "proofs" / "manifest.jsonl.zst")
    # Each bucket of SeaweedFS takes volumes, of which there are a hundred.
    clients[0].delete_bucket(Bucket=old)


@pytest.fixture
def serve(servers):
    """Return how to serve a store that is kept in memory."""
    with contextlib.ExitStack() as stack:
        yield lambda store: stack.enter_context(serving(store))


@pytest.fixture
def target(serve):
    """Return an empty store in memory."""
    return serve(MemoryStore())
