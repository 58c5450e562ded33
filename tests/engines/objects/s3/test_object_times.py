"""The time of an object: no write within the second in which it was read is missed."""

from __future__ import annotations

import time

import pytest

from engines.objects.s3 import Store, finer_time, object_times, same_time
from tests.engines.objects.in_memory import compared, mirrored
from tests.engines.objects.memory_store import MemoryStore


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05", True),
        ("2026-01-02T03:04:05.123", "2026-01-02T03:04:05", True),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05.000", True),
        ("2026-01-02T03:04:05.123", "2026-01-02T03:04:05.124", False),
        ("2026-01-02T03:04:05.123", "2026-01-02T03:04:06", False),
        ("2026-01-02T03:04:05", "", False),
    ],
)
def test_times_are_compared_as_finely_as_both_are_known(one, other, is_same):
    assert same_time(one, other) is same_time(other, one) is is_same


def test_the_listed_time_is_kept_where_the_object_was_sent_with_the_same_one():
    assert finer_time("2026-01-02T03:04:05.123", "2026-01-02T03:04:05") == "2026-01-02T03:04:05.123"
    assert finer_time("2026-01-02T03:04:05.123", "") == "2026-01-02T03:04:05.123"
    assert finer_time("2026-01-02T03:04:05.123", "2026-01-02T03:04:06") == "2026-01-02T03:04:06"


class Busy(MemoryStore):
    """Its clock stands at the second in which ``a`` was written, until ``a`` is written once more."""

    clock = "03:04:05"
    reads = 0

    def first(self, asked):
        if asked.method == "GET" and asked.key == "a" and "tagging" not in asked.query:
            self.reads += 1
            if self.reads == 2:
                self.meanwhile()
                self.clock = "03:04:06"

    def meanwhile(self):
        self.objects["a"].headers = {"x-amz-meta-edition": "second"}

    def _object(self, asked, stored):
        stored.headers |= {"Date": f"Fri, 02 Jan 2026 {self.clock} GMT"}
        return super()._object(asked, stored)


def busy_source(serve, **more):
    source = serve(Busy())
    source.put("a", b"body", headers={"x-amz-meta-edition": "first"}, **more)
    # Not the probe's requests.
    source.reads = -2
    return source


@pytest.mark.parametrize("body", [b"body", b""])
def test_an_object_that_is_written_again_in_the_second_in_which_it_is_read_is_read_again(serve, target, body):
    source = busy_source(serve)
    source.objects["a"].body = body
    source.reads = -2 if body else 0
    assert mirrored(source, target)["copied"] == 1
    assert target.objects["a"].headers["x-amz-meta-edition"] == "second"


@pytest.fixture
def as_over_tls(monkeypatch):
    """Let no copy be looked at a second time because it came over plain HTTP."""
    monkeypatch.setattr(Store, "is_plain", False)


@pytest.mark.usefixtures("as_over_tls")
def test_an_object_that_stays_as_it_is_costs_one_more_request(serve, target):
    source = busy_source(serve)
    source.meanwhile = lambda: None
    assert mirrored(source, target)["copied"] == 1
    assert source.reads == 2


@pytest.mark.usefixtures("as_over_tls")
def test_a_time_that_is_fine_shows_by_itself_what_came_after(serve, target, tmp_path):
    source = busy_source(serve, modified="2026-01-02T03:04:05.123")
    assert mirrored(source, target, manifest=tmp_path / "m")["copied"] == 1
    assert source.reads == 1
    source.meanwhile = lambda: None
    source.objects["a"].headers = {"x-amz-meta-edition": "third"}
    assert mirrored(source, target, manifest=tmp_path / "m")["copied"] == 0
    source.objects["a"].modified = "2026-01-02T03:04:05.124"
    assert compared(source, target, mode="listing", path=tmp_path / "m") == (False, {"unverifiable": 1})
    assert mirrored(source, target, manifest=tmp_path / "m")["copied"] == 1
    assert target.objects["a"].headers["x-amz-meta-edition"] == "third"


def test_a_second_is_waited_for_no_longer_than_it_lasts(serve, target, monkeypatch):
    monkeypatch.setattr(object_times, "WAIT", 0.2)
    source = busy_source(serve)
    source.meanwhile = lambda: None
    begun = time.monotonic()
    mirrored(source, target)
    assert time.monotonic() - begun >= 0.2
