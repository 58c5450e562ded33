"""What a store can do is asked, and what cannot be asked is unknown."""

from __future__ import annotations

import pytest

from engines.objects.s3.capabilities import Capabilities, probe
from engines.objects.s3.listing import Entry
from tests.engines.objects.memory_store import MemoryStore, serving
from tests.engines.objects.scripted import answer, hang_up, refuse

pytestmark = pytest.mark.usefixtures("servers")


def probed(store, *, sample=True):
    store.put("k", b"body")
    with serving(store) as served, served.endpoint.connect() as connected:
        return probe(connected, Entry("k", 4, "e", "") if sample else None)


class Simple(MemoryStore):
    """Knows no ranges and no conditions."""

    def first(self, asked):
        for name in ("range", "if-match"):
            del asked.headers[name]


class Closed(MemoryStore):
    def first(self, asked):
        return refuse("AccessDenied", 403)


class Dated(MemoryStore):
    def first(self, asked):
        headers = {"Date": "Fri, 02 Jan 2026 03:04:05 GMT", "Server": "Old"}
        return None if asked.key else answer(200, **headers)


def test_a_usual_store_can_do_all_of_it():
    found = probed(MemoryStore())
    assert found == Capabilities("unknown", None, "unknown", "readable", ranges=True, conditional_reads=True)


@pytest.mark.parametrize(
    ("refused", "tags"),
    [
        (("AccessDenied", 403), "denied"),
        (("NotImplemented", 501), "none"),
        (("NoSuchTagSet", 404), "readable"),
        (("Teapot", 418), "unknown"),
    ],
)
def test_tags_are_readable_or_it_is_said_why_not(refused, tags):
    assert probed(MemoryStore(tags_refused=refused)).tags == tags


def test_what_a_store_does_not_do_is_distinguished_from_what_cannot_be_asked():
    found = probed(Simple())
    assert (found.ranges, found.conditional_reads) == (False, False)
    found = probed(Closed())
    assert (found.ranges, found.conditional_reads, found.tags) == (None, None, "denied")
    found = probed(MemoryStore(), sample=False)
    assert (found.ranges, found.conditional_reads, found.tags) == (None, None, "unknown")


def test_the_clock_and_the_name_of_a_store_are_noted():
    found = probed(Dated())
    assert found.server == "Old"
    assert found.clock_ahead_seconds < -60


class Silent(MemoryStore):
    """Something on the way does not let HEAD pass."""

    def first(self, asked):
        return hang_up if asked.method == "HEAD" else None


def test_what_is_not_answered_holds_nothing_up():
    store = Silent()
    assert probed(store).server == "unknown"
    assert store.count("HEAD") == 2
