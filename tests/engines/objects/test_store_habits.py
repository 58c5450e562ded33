"""Buckets of stores with habits of their own: nothing is lost, and nothing passes for equal unseen."""

from __future__ import annotations

import contextlib

import pytest

from engines.objects import Options, Rules, as_result, compare, mirror
from engines.objects.errors import ObjectsError
from tests.engines.objects.memory_store import MemoryStore, serving


@pytest.fixture
def serve():
    with contextlib.ExitStack() as stack:
        yield lambda store: stack.enter_context(serving(store))


@pytest.fixture
def target(serve):
    return serve(MemoryStore())


def quiet(*_, **__):
    pass


def mirrored(source, target, **options):
    """Mirror, and return the result as a module does."""
    done = mirror(source.endpoint, target.endpoint, Options(**options), emit=quiet)
    return as_result(done, Rules(), target.endpoint, check=False)


def compared(source, target, **options):
    found = compare(source.endpoint, target.endpoint, emit=quiet, **options)
    return found.is_equal, dict(found.tally.objects)


def bodies(store):
    return {key: stored.body for key, stored in store.objects.items()}


@pytest.mark.parametrize("encoding", ["url", "percent", "none"])
@pytest.mark.parametrize("names_encoding", [True, False])
@pytest.mark.parametrize("knows_v2", [True, False])
def test_every_key_arrives_under_its_own_name(serve, target, encoding, names_encoding, knows_v2):
    source = serve(
        MemoryStore(encoding=encoding, names_encoding=names_encoding, knows_v2=knows_v2, page_size=3)
    )
    for number, key in enumerate(["a b", "a+b", "100%", "x y", "x%20y", "plain", "日 本", "p&q;amp;", "z"]):
        source.put(key, f"body {number}".encode())
    assert mirrored(source, target)["copied"] == 9
    assert bodies(target) == bodies(source)
    assert compared(source, target) == (True, {"equal": 9})


class Namespaced(MemoryStore):
    """Each object names its namespace, as XML allows."""

    def contents(self, key, stored):
        return super().contents(key, stored).replace("<Contents>", '<Contents xmlns="urn:s3">')


def test_objects_with_an_attribute_are_seen(serve, target):
    source = serve(Namespaced())
    source.put("a", b"1")
    source.put("b", b"2")
    assert mirrored(source, target)["copied"] == 2
    assert bodies(target) == bodies(source)


class Forgetful(MemoryStore):
    """The second version of the listing finds nothing."""

    def page(self, query):
        text = super().page(query)
        return text if "list-type" not in query else MemoryStore.page(MemoryStore(), query)


def test_a_full_bucket_never_passes_for_an_empty_one(serve, target):
    source = serve(Forgetful())
    source.put("a", b"1")
    for work in (mirrored, compared):
        with pytest.raises(ObjectsError, match="by ListObjects it is not"):
            work(source, target)


class Circular(MemoryStore):
    """Every page leads to the first one."""

    def page(self, query):
        return super().page({name: value for name, value in query.items() if name != "continuation-token"})


def test_a_listing_that_runs_in_a_circle_ends(serve, target):
    source = serve(Circular(page_size=1))
    source.put("a")
    source.put("b")
    with pytest.raises(ObjectsError, match="page 2 is one that was listed before"):
        mirrored(source, target)
    assert source.count("GET") == 2
