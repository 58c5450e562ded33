"""Streams that are longer than memory."""

from __future__ import annotations

import tracemalloc

import pytest

from engines.objects.s3.external_sort import Sorted, Spool, merge_join
from engines.objects.s3.listing import Entry


def entry(key: str, size: int = 1) -> Entry:
    return Entry(key, size, "e", "2026-01-02T03:04:05")


def in_order(entries, held):
    result = Sorted(Entry._make, held)
    for found in entries:
        result.append(found)
    return result


def keys(entries) -> list[str]:
    return [found.key for found in entries]


@pytest.mark.parametrize("held", [1, 300, 100_000])
def test_order_is_that_of_utf8_bytes_whatever_is_held_in_memory(held):
    # As SeaweedFS lists them: folder by folder. And U+FFEE is before U+1F600 in UTF-8, but not in UTF-16.
    names = ["a/b", "a+b", "a-b", "a", "\uffee", "😀", "é", "e\u0301", "Z", ""]
    given = [f"{name}{number}" for number in range(100) for name in names]
    expected = sorted(given, key=str.encode)
    with in_order(map(entry, given), held) as found:
        assert keys(found) == expected
        # And again: what is sorted can be read more than once.
        assert keys(found) == expected


@pytest.mark.parametrize("held", [1, 300, 100_000])
def test_what_comes_in_order_is_not_merged(held, monkeypatch):
    monkeypatch.setattr("heapq.merge", None)
    given = [f"{number:04}" for number in range(1_000)]
    with in_order(map(entry, given), held) as found:
        assert keys(found) == given


@pytest.mark.parametrize("held", [1, 100_000])
def test_of_items_with_one_key_the_last_one_counts(held):
    fill = [entry(f"z{number}") for number in range(255)]
    given = [entry("b", 1), entry("a", 1), entry("b", 2), *fill, entry("c", 1), entry("b", 3)]
    with in_order(given, held) as found:
        assert [(item.key, item.size) for item in found][:3] == [("a", 1), ("b", 3), ("c", 1)]


def test_streams_are_merged_key_by_key():
    first, second, third = map(entry, "abd"), map(entry, "bce"), map(entry, "be")
    merged = [tuple(item.key if item else "" for item in found) for found in merge_join(first, second, third)]
    assert merged == [("a", "", ""), ("b", "b", "b"), ("", "c", ""), ("d", "", ""), ("", "e", "e")]


def most_memory(work) -> int:
    """Return the most memory, in bytes, that Python holds at once during ``work``."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_listing():
    def listing(step: int):
        # Out of order, each key once: the steps are coprime with the number.
        return (entry(f"key-{number * step % 24_000:09}") for number in range(24_000))

    def merge():
        with in_order(listing(7), 1_600) as ones, in_order(listing(11), 1_600) as others:
            assert sum(1 for one, other, _ in merge_join(ones, others, ()) if one == other) == 24_000

    whole = most_memory(lambda: list(listing(7)))
    assert whole > 800_000
    assert most_memory(merge) < whole / 2


@pytest.mark.parametrize("number", [0, 3, 256, 1_000])
def test_a_spool_can_be_read_again_and_again(number):
    given = [entry(f"ö\n{index}") for index in range(number)]
    with Spool(Entry._make) as spool:
        spool.extend(given)
        assert len(spool) == number
        assert list(spool) == list(spool) == given
