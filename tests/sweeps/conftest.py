"""Fresh pairs of buckets for the sweeps of the object engine, in both directions."""

from __future__ import annotations

import itertools

import pytest

from tests.sweeps.objects_sandbox import Bucket, BucketPair, patient

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def object_clients(object_store, aws):
    old = patient(object_store.endpoint, (object_store.access_key, object_store.secret_key))
    new = patient(aws.endpoint)
    yield old, new
    old.close()
    new.close()


@pytest.fixture(scope="module")
def old_buckets(object_store, object_clients):
    """Return how to make a bucket of SeaweedFS. Each takes volumes, of which there are a hundred."""
    made = []

    def make():
        name = f"sweep-{next(_NUMBERS)}"
        object_clients[0].create_bucket(Bucket=name)
        made.append(name)
        keys = {"access_key": object_store.access_key, "secret_key": object_store.secret_key}
        return Bucket(name, {"endpoint": object_store.endpoint, "bucket": name, **keys}, object_clients[0])

    yield make
    for name in made:
        object_clients[0].delete_bucket(Bucket=name)


@pytest.fixture(scope="module")
def new_buckets(aws, object_clients):
    """Return how to make a bucket of MiniStack."""

    def make():
        name = f"sweep-{next(_NUMBERS)}"
        object_clients[1].create_bucket(Bucket=name)
        keys = {"access_key": "test", "secret_key": "test"}
        return Bucket(name, {"endpoint": aws.endpoint, "bucket": name, **keys}, object_clients[1])

    return make


@pytest.fixture
def object_pair(old_buckets, new_buckets, tmp_path):
    """Return a source on SeaweedFS and a target on MiniStack."""
    return BucketPair(old_buckets(), new_buckets(), tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _servers(servers):
    """Sweeps are of servers, each of which starts its own or restarts it."""
