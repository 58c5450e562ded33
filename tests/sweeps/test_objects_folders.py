"""Markers of folders and what is in them arrive on a store with real folders, every time."""

from __future__ import annotations

import random

import pytest

from tests.stress import SEED, size
from tests.sweeps.objects_sandbox import BucketPair

RUNS = size(sample=3, full=20)


def fill(bucket, chance):
    """Put markers, keys in their folders and near those, some levels deep, some folders without a marker."""
    folders = ["a/", "a/b/", "a/b/c/", "a-b/", "a.b/", "deep/" * 9, "empty/", "a b/", "日本/"]
    keys = [f"{folder}{number}" for folder in folders[:-3] for number in range(chance.randrange(1, 5))]
    markers = chance.sample(folders, chance.randrange(4, len(folders)))
    everything = [*keys, *markers, "a-", "a.", "a0", "no-marker/in/it/x"]
    chance.shuffle(everything)
    for key in everything:
        bucket.put(key, b"" if key.endswith("/") else key.encode())
    return sorted(everything)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(RUNS))
def test_every_marker_arrives(number, old_buckets, new_buckets, tmp_path):
    pair = BucketPair(new_buckets(), old_buckets(), tmp_path)
    keys = fill(pair.source, random.Random(f"{SEED}-{number}"))
    answer = pair.run()
    assert "msg" not in answer, answer["msg"]
    assert answer["copied"] == len(keys)
    assert pair.target.listing() == keys
    assert {key: known[0] for key, known in pair.target.everything().items()} == {
        key: known[0] for key, known in pair.source.everything().items()
    }
    assert pair.run()["changed"] is False
