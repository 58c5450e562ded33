"""Buckets drawn by chance arrive as they are, as a client that is not ours sees both sides; or it is said."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

from engines.objects import Endpoint, Options, Rules, as_result, compare, mirror
from engines.objects.errors import IncompleteError
from engines.objects.s3 import object_times
from engines.objects.transfer.ambiguous_keys import as_path, is_ambiguous
from tests.stress import SEED, size
from tests.sweeps.objects_drawn import drawn
from tests.sweeps.objects_sandbox import PART

BUCKETS = size(sample=4, full=300)


def quiet(*_, **__):
    pass


@pytest.fixture(autouse=True)
def short_seconds(monkeypatch):
    """Wait no second out for objects that were just written; nobody writes them again here."""
    monkeypatch.setattr(object_times, "WAIT", 0.01)


@dataclass(frozen=True)
class Said:
    """What a mirror says: how many objects it copied, why some were not, and what is not copied of which."""

    copied: int
    failed: dict[str, str]
    lost: dict[str, set[str]]


def mirrored(source, target, manifest):
    """Mirror in this process."""
    ends = [Endpoint.from_options(side.option) for side in (source, target)]
    rules = Rules()
    try:
        done = mirror(*ends, Options(part_size=PART, manifest=manifest, rules=rules), emit=quiet)
        said = as_result(done, rules, ends[1], check=False)
    except IncompleteError as error:
        said = error.details
    lost: dict[str, set[str]] = {}
    for one in said["not_copied"]:
        parts, why = re.fullmatch(r"(.*) of (?:folders|objects), (.*)", one["what"]).groups()
        assert why == "which the target does not keep"
        assert one["objects"] == len(one["examples"])
        for example in one["examples"]:
            lost[example["key"]] = set(parts.split(", "))
    failed = {one["key"]: one["reason"] for one in said["failed_objects"]}
    return Said(said["copied"], failed, {key: parts for key, parts in lost.items() if key not in failed})


def without(known, parts):
    """Return what is known of an object without the parts that are said not to be copied."""
    digest, headers, metadata, tags = known
    kept = {name: value for name, value in headers.items() if name not in parts}
    return digest, kept, {} if "metadata" in parts else metadata, {} if "tags" in parts else tags


def is_held(bucket, sample):
    """Return whether an empty bucket holds an object under its own name, as a client of our own sees it."""
    return sample.put(bucket) and bucket.listing() == [sample.key] and bucket.body(sample.key) == sample.body


def collides(key, keys):
    """Return whether a store whose names are paths cannot hold ``key`` together with the others."""
    path = as_path(key).rstrip("/")
    others = {as_path(one).rstrip("/") for one in keys if one != key}
    return any(path == one or one.startswith(f"{path}/") or path.startswith(f"{one}/") for one in others)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(BUCKETS))
def test_a_bucket_arrives_whole_or_what_does_not_is_named(number, old_buckets, new_buckets, tmp_path):
    chance = random.Random(f"{SEED}-{number}")
    makers = [old_buckets, new_buckets]
    if number % 2:
        makers.reverse()
    source, target = makers[0](), makers[1]()
    samples = {one.key: one for one in drawn(chance, size(12, 24), large=chance.randrange(size(2, 4)))}
    for sample in samples.values():
        sample.put(source)
    there = source.everything()

    said = mirrored(source, target, tmp_path / "manifest")

    expected = {key: known for key, known in there.items() if key not in said.failed}
    found = target.everything()
    # A store whose names are paths may have made something of a name that it cannot hold.
    for path in (as_path(key).rstrip("/") for key in said.failed):
        for stray in {path, f"{path}/"} - expected.keys():
            found.pop(stray, None)
    assert all(found[key] != expected[key] for key in said.lost), said
    for known in (expected, found):
        known.update((key, without(known[key], parts)) for key, parts in said.lost.items())
    assert found == expected, said
    # Some are written before it shows that the target keeps nothing under their names.
    unlisted = [reason for reason in said.failed.values() if reason.endswith("after it was written")]
    assert said.copied == len(expected) + len(unlisted)
    assert said.failed.keys() <= there.keys()
    for key, reason in said.failed.items():
        is_odd = is_ambiguous(key) or collides(key, there)
        assert is_odd or not is_held(makers[1](), samples[key]), (key, reason)
    if not said.failed:
        assert mirrored(source, target, tmp_path / "manifest") == Said(0, {}, {})
    if not said.failed and not said.lost:
        ends = [Endpoint.from_options(side.option) for side in (source, target)]
        assert compare(*ends, emit=quiet).is_equal
