"""Comparing two real stores: what is not equal is found and counted apart, and nothing else."""

from __future__ import annotations

import importlib

import pytest

from engines.errors import ConfigurationError
from engines.objects.compare import compare
from engines.objects.errors import DifferentError, ManifestError
from engines.objects.results import KINDS, comparison_result

# The face has the function by this name.
MODULE = importlib.import_module("engines.objects.compare")
KEYS = [f"object-{number}" for number in range(8)]


@pytest.fixture
def mirrored(stage):
    for key in KEYS:
        stage.source.put(key, key.encode() * 50, ContentType="text/csv", Metadata={"origin": "lab"})
    stage.source.put("empty", b"", ContentType="text/csv")
    stage.mirror()
    return stage


def counts(comparison):
    return {kind: comparison.tally.count(kind) for kind in KINDS if comparison.tally.count(kind)}


def compared(stage, **options):
    return compare(stage.source.endpoint, stage.target.endpoint, path=stage.manifest, **options)


def audited(stage, **options):
    return compare(None, stage.target.endpoint, path=stage.manifest, **options)


WAYS = [
    pytest.param(compared, "content", id="both sides"),
    pytest.param(audited, "content", id="target and manifest"),
    pytest.param(compared, "listing", id="listings and manifest"),
    pytest.param(audited, "listing", id="listing and manifest"),
]


@pytest.mark.parametrize(("way", "mode"), WAYS)
def test_equal_sides_are_equal_in_every_way(mirrored, way, mode):
    comparison = way(mirrored, mode=mode)
    assert comparison.is_equal
    assert counts(comparison) == {"equal": 9}
    result = comparison_result(comparison, require_equal=True)
    assert not result["changed"]
    assert result["evidence"]["equal"] == 9
    assert result["evidence"]["manifest_sha256"]


def flip(side):
    body = bytearray(side.body("object-3"))
    body[17] ^= 1
    side.put("object-3", bytes(body), ContentType="text/csv", Metadata={"origin": "lab"})


def truncate(side):
    side.put("object-3", side.body("object-3")[:-1], ContentType="text/csv", Metadata={"origin": "lab"})


def retype(side):
    side.put("object-3", side.body("object-3"), ContentType="text/plain", Metadata={"origin": "lab"})


def describe(side):
    side.put("object-3", side.body("object-3"), ContentType="text/csv", Metadata={"origin": "elsewhere"})


def tag(side):
    one = {"Bucket": side.endpoint.bucket, "Key": "object-3"}
    side.client.put_object_tagging(**one, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})


def swap(side):
    one, other = side.body("object-3"), side.body("object-4")
    side.put("object-3", other, ContentType="text/csv", Metadata={"origin": "lab"})
    side.put("object-4", one, ContentType="text/csv", Metadata={"origin": "lab"})


def remove(side):
    side.delete("object-3")


def add(side):
    side.put("object-3-b", b"new")


@pytest.mark.parametrize("way", [compared, audited])
@pytest.mark.parametrize(
    ("corrupt", "expected", "reason"),
    [
        (flip, {"equal": 8, "differs": 1}, "sha256"),
        (truncate, {"equal": 8, "differs": 1}, "size"),
        (retype, {"equal": 8, "differs": 1}, "ContentType"),
        (describe, {"equal": 8, "differs": 1}, "metadata"),
        (tag, {"equal": 8, "differs": 1}, "tags"),
        (swap, {"equal": 7, "differs": 2}, "sha256"),
        (remove, {"equal": 8, "missing": 1}, "is not on the target"),
        (add, {"equal": 9, "extra": 1}, "is only on the target"),
    ],
)
def test_every_corruption_of_the_target_is_found(mirrored, way, corrupt, expected, reason):
    corrupt(mirrored.target)
    comparison = way(mirrored)
    assert counts(comparison) == expected
    (kind,) = expected.keys() - {"equal"}
    examples = sorted(comparison.tally.examples[kind], key=lambda example: example["key"])
    assert examples[0]["key"].startswith("object-3")
    assert examples[0]["reason"] == reason
    with pytest.raises(DifferentError, match=f"{expected[kind]} {kind} .such as 'object-") as caught:
        comparison_result(comparison, require_equal=True)
    assert caught.value.details["counts"][kind] == expected[kind]
    assert comparison_result(comparison, require_equal=False)[kind]


def test_a_change_of_the_source_is_found_when_the_source_is_read(mirrored):
    flip(mirrored.source)
    assert counts(compared(mirrored)) == {"equal": 8, "differs": 1}
    assert counts(audited(mirrored)) == {"equal": 9}


@pytest.mark.parametrize("mode", ["content", "listing"])
@pytest.mark.parametrize("change", [flip, add, truncate])
def test_what_the_source_has_written_since_the_copy_is_late(mirrored, change, mode):
    change(mirrored.source)
    comparison = compared(mirrored, mode=mode)
    assert comparison.differences == 1
    result = comparison_result(comparison, require_equal=True, accept_late=True)
    [kind] = counts(comparison).keys() - {"equal"}
    assert result["late"] == {"count": 1, "keys": [result[kind][0]["key"]]}
    with pytest.raises(DifferentError):
        comparison_result(comparison, require_equal=True)


@pytest.mark.parametrize("corrupt", [flip, truncate, remove, add])
def test_what_has_changed_on_the_target_is_not(mirrored, corrupt):
    mirrored.source.put("late", b"late")
    corrupt(mirrored.target)
    comparison = compared(mirrored)
    assert (comparison.late.count("late"), comparison.differences) == (1, 2)
    with pytest.raises(DifferentError):
        comparison_result(comparison, require_equal=True, accept_late=True)


@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (flip, {"equal": 8, "unverifiable": 1}),
        (truncate, {"equal": 8, "differs": 1}),
        (remove, {"equal": 8, "missing": 1}),
        (add, {"equal": 9, "extra": 1}),
    ],
)
@pytest.mark.parametrize("way", [compared, audited])
def test_listings_alone_prove_nothing_of_what_was_written_since(mirrored, way, corrupt, expected):
    corrupt(mirrored.target)
    assert counts(way(mirrored, mode="listing")) == expected


@pytest.mark.parametrize(("change", "kind"), [(flip, "unverifiable"), (truncate, "differs")])
def test_listings_report_what_was_written_in_the_source_since(mirrored, change, kind):
    change(mirrored.source)
    comparison = compared(mirrored, mode="listing")
    assert counts(comparison) == {"equal": 8, kind: 1}
    assert comparison.tally.examples[kind][0]["reason"] == "was written in the source since it was proven"


def test_what_is_not_in_the_manifest_cannot_be_verified_by_listing(mirrored):
    for side in (mirrored.source, mirrored.target):
        side.put("late", b"same")
    assert counts(compared(mirrored, mode="listing")) == {"equal": 9, "unverifiable": 1}
    mirrored.target.delete("late")
    assert counts(compared(mirrored, mode="listing")) == {"equal": 9, "missing": 1}


def test_an_object_that_cannot_be_read_is_counted_apart(mirrored, monkeypatch):
    candidates = MODULE._candidates

    def meanwhile(*sides, **options):
        yield from candidates(*sides, **options)
        mirrored.target.delete("object-5")

    monkeypatch.setattr(MODULE, "_candidates", meanwhile)
    monkeypatch.setattr(
        MODULE, "parallel_map", lambda function, items, *_: [function(item) for item in list(items)]
    )
    comparison = compared(mirrored)
    assert counts(comparison) == {"equal": 8, "unverifiable": 1}
    assert comparison.tally.examples["unverifiable"] == [
        {"key": "object-5", "reason": "vanished after it was listed"}
    ]


def test_the_fingerprint_is_of_what_the_objects_are(mirrored):
    first = compared(mirrored).fingerprint
    assert first == compared(mirrored, jobs=1).fingerprint == audited(mirrored).fingerprint
    for side in (mirrored.source, mirrored.target):
        flip(side)
    again = compared(mirrored)
    assert again.is_equal
    assert again.fingerprint != first


def test_nothing_is_written(mirrored):
    before = mirrored.source.listing(), mirrored.target.listing(), mirrored.manifest.read_bytes()
    compared(mirrored)
    audited(mirrored, mode="listing")
    assert (mirrored.source.listing(), mirrored.target.listing(), mirrored.manifest.read_bytes()) == before


def test_there_must_be_something_to_compare_with(mirrored, tmp_path):
    with pytest.raises(ConfigurationError, match="nothing to compare with"):
        compare(None, mirrored.target.endpoint)
    with pytest.raises(ConfigurationError, match="nothing to compare with"):
        compare(mirrored.source.endpoint, mirrored.target.endpoint, mode="listing")
    with pytest.raises(ManifestError, match="does not exist"):
        compare(None, mirrored.target.endpoint, path=tmp_path / "none")
