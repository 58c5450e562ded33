"""A thousand corruptions of the target are found, each by name; a hundred clean comparisons find none."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engines.objects.compare import compare
from engines.objects.s3.endpoint import Endpoint
from tests.stress import SEED, size
from tests.sweeps.objects_sandbox import PART, BucketPair

CORRUPTIONS = size(sample=100, full=1000)
CLEAN = size(sample=5, full=100)
# A comparison names ten objects of a kind, so that is how many of each are made between two of them.
DIFFERENT, MISSING, EXTRA = 10, 2, 2
HEADERS = {
    "ContentDisposition": ["inline", 'attachment; filename="a.csv"'],
    "ContentLanguage": ["en", "de"],
    "CacheControl": ["no-store", "max-age=60"],
    "ContentEncoding": ["gzip", "br"],
}


@dataclass
class Known:
    """An object as it was put into the source."""

    body: bytes
    more: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)

    def put(self, bucket, key, **other):
        tags = other.pop("tags", self.tags)
        tagging = {"Tagging": "&".join(f"{name}={value}" for name, value in tags.items())} if tags else {}
        bucket.put(key, **{"body": self.body, **self.more, **tagging, **other})
        if not tags:  # MiniStack keeps those of the object that was there before
            bucket.client.delete_object_tagging(Bucket=bucket.name, Key=key)


def made(chance, number):
    """Return an object with everything on it. Its neighbour has the same size, to be swapped with."""
    size = PART + 1000 if number < 2 else 50 + 37 * (number // 2)
    more = {
        "ContentType": f"chemical/x-{number % 5}",
        "Metadata": {"assay": str(number), "batch": "7"},
        **{name: values[0] for name, values in HEADERS.items()},
    }
    return Known(chance.randbytes(size), more, {"stage": "raw", "number": str(number)})


def flipped(chance, known):
    where, body = chance.randrange(len(known.body)), bytearray(known.body)
    body[where] ^= 1 << chance.randrange(8)
    return {"body": bytes(body)}


def truncated(chance, known):
    return {"body": known.body[: chance.randrange(len(known.body))]}


def grown(chance, known):
    return {"body": known.body + chance.randbytes(1 + chance.randrange(9))}


def other_type(chance, known):
    return {"ContentType": f"text/x-other-{chance.randrange(99)}"}


def other_header(chance, known):
    name = chance.choice(list(HEADERS))
    return {name: HEADERS[name][1]}


def other_metadata(chance, known):
    kept = dict(known.more["Metadata"])
    change = chance.randrange(3)
    if change == 0:
        kept["assay"] += "0"
    elif change == 1:
        kept["new"] = "x"
    else:
        del kept["batch"]
    return {"Metadata": kept}


def other_tags(chance, known):
    return {"tags": chance.choice([{}, {**known.tags, "stage": "cooked"}, {**known.tags, "more": "x"}])}


ONE_BY_ONE = {
    flipped: "sha256",
    truncated: "size",
    grown: "size",
    other_type: "ContentType",
    other_header: "",
    other_metadata: "metadata",
    other_tags: "tags",
}


class Sweep:
    """The mirrored objects, what is wrong with them now, and how to compare."""

    def __init__(self, pair: BucketPair, count: int, seed: int) -> None:
        self.chance, self.pair = random.Random(seed), pair
        self.objects = {
            f"part-{number % 3}/{number:03}": made(self.chance, number) for number in range(count)
        }
        self.wrong: dict[str, str] = {}
        self.extra: set[str] = set()
        for key, known in self.objects.items():
            known.put(pair.source, key)
        assert pair.run()["copied"] == count

    def corrupt(self) -> int:
        """Harm the target in a dozen ways, and return their number."""
        keys = self.chance.sample(sorted(self.objects), DIFFERENT + MISSING)
        for key in keys[:MISSING]:
            self.pair.target.client.delete_object(Bucket=self.pair.target.name, Key=key)
            self.wrong[key] = "missing"
        self._swap()
        for key in keys[MISSING:]:
            if key not in self.wrong and len(self.different) < DIFFERENT:
                how = self.chance.choice(list(ONE_BY_ONE))
                known = self.objects[key]
                known.put(self.pair.target, key, **how(self.chance, known))
                self.wrong[key] = ONE_BY_ONE[how]
        for _ in range(EXTRA):
            key = f"part-{self.chance.randrange(3)}/{self.chance.randrange(10**6)}-extra"
            self.pair.target.put(key, b"extra")
            self.extra.add(key)
        return len(self.wrong) + len(self.extra)

    @property
    def different(self) -> dict[str, str]:
        return {key: reason for key, reason in self.wrong.items() if reason != "missing"}

    def _swap(self) -> None:
        number = self.chance.randrange(len(self.objects) // 2) * 2
        pair = [f"part-{one % 3}/{one:03}" for one in (number, number + 1)]
        if not self.wrong.keys() & set(pair):
            for key, other in (pair, reversed(pair)):
                self.objects[key].put(self.pair.target, key, body=self.objects[other].body)
                self.wrong[key] = "sha256"

    def restore(self) -> None:
        for key in self.wrong:
            self.objects[key].put(self.pair.target, key)
        for key in self.extra:
            self.pair.target.client.delete_object(Bucket=self.pair.target.name, Key=key)
        self.wrong.clear()
        self.extra.clear()

    def compared(self, *, end_to_end: bool) -> Any:
        source = Endpoint.from_options(self.pair.source.option) if end_to_end else None
        target = Endpoint.from_options(self.pair.target.option)
        return compare(source, target, path=Path(self.pair.manifest))

    def assert_all_are_found(self, *, end_to_end: bool) -> None:
        found = self.compared(end_to_end=end_to_end).tally
        named = {
            kind: {one["key"]: one.get("reason", "") for one in ones} for kind, ones in found.examples.items()
        }
        assert named.get("differs", {}).keys() == self.different.keys(), self.wrong
        for key, reason in self.different.items():
            assert reason in named["differs"][key]
        assert named.get("missing", {}).keys() == self.wrong.keys() - self.different.keys()
        assert named.get("extra", {}).keys() == self.extra
        assert found.count("unverifiable") == 0
        assert found.count("equal") == len(self.objects) - len(self.wrong)


@pytest.mark.timeout(600)
def test_a_thousand_corruptions_are_found_and_a_clean_target_is_clean(object_pair):
    sweep, harmed, clean = Sweep(object_pair, 36, SEED), 0, 0
    while harmed < CORRUPTIONS:
        # The manifest alone is asked each time, both sides are read every fourth time.
        harmed += sweep.corrupt()
        sweep.assert_all_are_found(end_to_end=False)
        if clean % 4 == 0:
            sweep.assert_all_are_found(end_to_end=True)
        sweep.restore()
        assert sweep.compared(end_to_end=clean % 4 == 0).is_equal
        clean += 1
    for number in range(clean, CLEAN):
        assert sweep.compared(end_to_end=number % 4 == 0).is_equal
