"""Buckets of stores with habits of their own: nothing is lost, and nothing passes for equal unseen."""

from __future__ import annotations

import gzip
import threading
import time

import pytest

from engines.objects.errors import IncompleteError, ObjectsError
from tests.engines.objects.in_memory import bodies, compared, mirrored
from tests.engines.objects.memory_store import MemoryStore
from tests.engines.objects.scripted import answer, refuse


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


class Inflating(MemoryStore):
    """Something before the store inflates what is stored compressed, for clients that do not ask for it."""

    def first(self, asked):
        stored = self.objects.get(asked.key)
        is_body = stored and asked.method == "GET" and "tagging" not in asked.query
        if is_body and "gzip" in stored.headers.get("content-encoding", ""):
            return answer(200, gzip.decompress(stored.body), ETag=f'W/"{stored.etag}"')
        return None


@pytest.mark.parametrize("size", [10, 12 << 20])
def test_a_body_that_is_inflated_on_the_way_is_refused(serve, target, size):
    body = gzip.compress(b"a" * size)
    sides = [serve(Inflating()), serve(Inflating())]
    for store in sides:
        store.put("log", body, headers={"content-encoding": "gzip"})
    with pytest.raises(IncompleteError, match=f"its body has {size} bytes, its listing {len(body)}"):
        mirrored(sides[0], target)
    assert target.objects == {}
    # Nor are two that are inflated alike equal.
    assert compared(*sides) == (False, {"unverifiable": 1})
    with pytest.raises(IncompleteError, match="its listing"):
        mirrored(*sides)
    assert {asked.headers["accept-encoding"] for asked in sides[0].asked} == {"identity"}


def test_etags_that_a_proxy_has_marked_as_weak_are_those_of_the_listing(serve, target, tmp_path):
    source = serve(MemoryStore(weak_etags=True))
    source.put("small", b"abc")
    source.put("large", bytes(12 << 20))
    options = {"part_size": 5 << 20, "manifest": tmp_path / "m"}
    assert mirrored(source, target, **options)["copied"] == 2
    assert bodies(target) == bodies(source)
    assert mirrored(source, target, **options)["plan"]["equal"] == 2
    assert compared(source, target) == (True, {"equal": 2})


class Relabelling(MemoryStore):
    """Lists other ETags than it gives with the objects."""

    def contents(self, key, stored):
        return super().contents(key, stored).replace(stored.etag, f"listed-{stored.etag}")


def test_a_store_that_lists_other_etags_is_copied_all_the_same(serve, target, monkeypatch):
    monkeypatch.setattr("engines.objects.transfer.apply._PAUSE", 0.01)
    source = serve(Relabelling())
    source.put("a", b"1")
    assert mirrored(source, target)["copied"] == 1
    assert bodies(target) == {"a": b"1"}


class Poisoned(MemoryStore):
    """Some objects are lost, and the store says that it is asked too much."""

    def first(self, asked):
        return refuse("SlowDown", 503) if asked.key.startswith("bad") and asked.method == "GET" else None


def test_objects_that_are_refused_wait_until_all_others_are_copied(serve, target, monkeypatch):
    monkeypatch.setattr("engines.objects.s3.client.LONGEST_PAUSE", 0.05)
    source = serve(Poisoned())
    for number in range(30):
        source.put(f"{'bad' if number % 10 == 0 else 'good'}-{number:02}", b"x")
    with pytest.raises(IncompleteError, match=r"3 object\(s\).*SlowDown.*27 were copied") as caught:
        mirrored(source, target, jobs=4)
    failed = {one["key"] for one in caught.value.details["failed_objects"]}
    assert failed == {"bad-00", "bad-10", "bad-20"}
    # Each was tried three times with the others, and patiently when these were done.
    asked = [one.key for one in source.asked if one.key]
    last_good = max(number for number, key in enumerate(asked) if key.startswith("good"))
    assert [asked[:last_good].count(key) for key in ("bad-10", "bad-20")] == [3, 3]
    assert [asked.count(key) for key in ("bad-10", "bad-20")] == [3 + 9, 3 + 9]


class Limited(MemoryStore):
    """More than so many requests at once are too much."""

    limit = 3
    at_once = 0

    def step(self, handler):
        self.at_once += 1
        try:
            if self.at_once > self.limit:
                return refuse("SlowDown", 503)(handler)
            time.sleep(0.01)
            return super().step(handler)
        finally:
            self.at_once -= 1


def test_a_store_that_takes_only_a_few_requests_at_once_is_respected(serve, target):
    source = serve(Limited())
    for number in range(60):
        source.put(f"{number}", b"x")
    assert mirrored(source, target, jobs=16)["copied"] == 60
    assert bodies(target) == bodies(source)


class Narrow(MemoryStore):
    """It serves ten requests for objects at once, and refuses what is more."""

    def __init__(self, **more):
        super().__init__(**more)
        self.at_once, self.counts, self.counting = 0, [], threading.Lock()

    def step(self, handler):
        if handler.command != "GET" or "list-type" in handler.path or "object" not in handler.path:
            return super().step(handler)
        with self.counting:
            self.at_once += 1
            is_refused = self.at_once > 10
            self.counts.append(is_refused)
        time.sleep(0.02)
        # Before it is answered: who has the answer asks for more, while this thread waits for its turn.
        with self.counting:
            self.at_once -= 1
        return refuse("SlowDown", 503)(handler) if is_refused else super().step(handler)


def test_how_many_requests_a_store_serves_at_once_is_found_out(serve, target):
    source = serve(Narrow(server="AmazonS3"))
    for number in range(400):
        source.put(f"object-{number}", b"x")
    assert mirrored(source, target)["copied"] == 400
    assert bodies(target) == bodies(source)
    half = len(source.counts) // 2
    # At first it has to be found out; then hardly any request is refused.
    assert sum(source.counts[half:]) <= half // 10, (sum(source.counts), len(source.counts))


class Anonymous(MemoryStore):
    """A proxy on the way keeps ETags and times for itself."""

    def first(self, asked):
        stored = self.objects.get(asked.key)
        is_body = stored and asked.method == "GET" and "tagging" not in asked.query
        return answer(200, stored.body) if is_body else None


def test_what_a_proxy_takes_from_an_answer_is_as_it_was_listed(serve, tmp_path):
    sides = [serve(Anonymous()), serve(Anonymous())]
    for store in sides:
        store.put("a", b"1")
    assert mirrored(*sides, manifest=tmp_path / "m")["plan"]["equal"] == 1
    asked = sides[0].count("GET")
    assert mirrored(*sides, manifest=tmp_path / "m")["plan"]["equal"] == 1
    # The second run lists, and reads nothing.
    assert sides[0].count("GET") - asked < asked
