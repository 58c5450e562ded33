"""The same provider speaks to a store with keys of its own, and to AWS with the default chain."""

from __future__ import annotations

import hashlib

import pytest

from bmii.errors import MissingObjectError, StorageError
from bmii.settings import Settings
from bmii.storage import KINDS, S3StorageProvider


@pytest.fixture
def explicit(object_store):
    settings = Settings(
        object_store_endpoint=object_store.endpoint.removeprefix("http://"),
        object_store_access_key=object_store.access_key,
        object_store_secret_key=object_store.secret_key,
        object_store_bucket_prefix="service-",
    )
    store = S3StorageProvider(settings)
    store.create_buckets()
    return store


def test_an_object_keeps_its_bytes_type_and_metadata(explicit):
    digest = explicit.put("raw", "a/b.csv", b"x,y\n", content_type="text/csv", metadata={"made-by": "test"})
    assert digest == hashlib.sha256(b"x,y\n").hexdigest()
    assert explicit.get("raw", "a/b.csv") == b"x,y\n"
    head = explicit.client.head_object(Bucket="service-raw", Key="a/b.csv")
    assert head["ContentType"] == "text/csv"
    assert head["Metadata"] == {"sha256": digest, "made-by": "test"}


def test_buckets_are_created_once(explicit):
    explicit.create_buckets()
    names = {bucket["Name"] for bucket in explicit.client.list_buckets()["Buckets"]}
    assert {f"service-{kind}" for kind in KINDS} <= names


def test_without_an_endpoint_the_default_chain_decides(explicit, object_store, monkeypatch):
    explicit.put("raw", "chain", b"found", content_type="text/plain")
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", object_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", object_store.secret_key)
    assert S3StorageProvider(Settings(object_store_bucket_prefix="service-")).get("raw", "chain") == b"found"


def test_the_scheme_follows_the_setting():
    for use_ssl, scheme in ((True, "https"), (False, "http")):
        settings = Settings(object_store_endpoint="store.test:9000", object_store_use_ssl=use_ssl)
        assert S3StorageProvider(settings).client.meta.endpoint_url == f"{scheme}://store.test:9000"


def test_what_is_missing_is_named(explicit):
    with pytest.raises(MissingObjectError, match="service-raw/nothing does not exist"):
        explicit.get("raw", "nothing")
    with pytest.raises(MissingObjectError, match="the bucket service-nothing"):
        explicit.check("nothing")


def test_a_wrong_key_is_refused_without_being_shown(object_store):
    settings = Settings(
        object_store_endpoint=object_store.endpoint.removeprefix("http://"),
        object_store_access_key="nobody",
        object_store_secret_key="hidden",
    )
    with pytest.raises(StorageError) as caught:
        S3StorageProvider(settings, attempts=1).get("raw", "x")
    assert not isinstance(caught.value, MissingObjectError)
    assert "hidden" not in str(caught.value)


def test_a_store_that_is_away_is_said(free_port):
    settings = Settings(
        object_store_endpoint=f"127.0.0.1:{free_port}",
        object_store_access_key="a",
        object_store_secret_key="b",
    )
    with pytest.raises(StorageError, match="does not answer"):
        S3StorageProvider(settings, attempts=1).check()
