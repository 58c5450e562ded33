"""Streams that are longer than memory."""

from __future__ import annotations

import threading
import tracemalloc

import pytest

from engines.objects.listing import Entry
from engines.objects.streams import Spool, in_parallel, ordered, side_by_side


def entry(key: str, size: int = 1) -> Entry:
    return Entry(key, size, "e", 1)


def keys(entries) -> list[str]:
    return [found.key for found in entries]


@pytest.mark.parametrize("held", [1, 2, 3, 100])
def test_order_is_that_of_utf8_bytes_whatever_is_held_in_memory(held):
    # As SeaweedFS lists them: folder by folder. And U+FFEE is before U+1F600 in UTF-8, but not in UTF-16.
    given = ["a/b", "a+b", "a-b", "a", "\uffee", "😀", "é", "e\u0301", "\udcff", "Z", ""]
    expected = sorted(given, key=lambda key: key.encode("utf-8", "surrogateescape"))
    assert keys(ordered(map(entry, given), Entry.from_data, held)) == expected


@pytest.mark.parametrize("held", [1, 2, 100])
def test_of_items_with_one_key_the_last_one_counts(held):
    given = [entry("b", 1), entry("a", 1), entry("b", 2), entry("c", 1), entry("b", 3)]
    found = list(ordered(given, Entry.from_data, held))
    assert [(item.key, item.size) for item in found] == [("a", 1), ("b", 3), ("c", 1)]


def test_streams_are_merged_key_by_key():
    first, second, third = map(entry, "abd"), map(entry, "bce"), map(entry, "be")
    merged = [
        tuple(item.key if item else "" for item in found) for found in side_by_side(first, second, third)
    ]
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
        return (entry(f"key-{number * step % 20_000:09}") for number in range(20_000))

    def merge():
        sides = ordered(listing(7), Entry.from_data, 1_000), ordered(listing(11), Entry.from_data, 1_000)
        assert sum(1 for one, other, _ in side_by_side(*sides, ()) if one == other) == 20_000

    whole = most_memory(lambda: list(listing(7)))
    assert whole > 2_000_000
    assert most_memory(merge) < whole / 2


def test_a_spool_can_be_read_again_and_again():
    with Spool(str, str) as spool:
        for word in ("ö\n", "b", ""):
            spool.append(word)
        assert len(spool) == 3
        assert list(spool) == list(spool) == ["ö\n", "b", ""]


def test_work_is_taken_only_as_fast_as_it_is_done():
    taken, gate = [], threading.Event()

    def items():
        for number in range(1_000):
            taken.append(number)
            yield number

    answers = in_parallel(lambda number: gate.wait(60) and number, items(), 2)
    threading.Timer(0.1, gate.set).start()
    next(answers)
    assert len(taken) <= 16
    assert len(list(answers)) == 999


def test_the_first_error_ends_the_work():
    done = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        done.append(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(in_parallel(work, range(10_000), 2))
    assert len(done) < 100
