"""The tags of objects that both listings and the manifest prove: no listing shows that they have changed."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engines.aws import translated
from engines.objects.concurrency import parallel_map
from engines.objects.errors import OBJECT_ERRORS, affects_every_object, reason_of
from engines.objects.manifest import Record
from engines.objects.s3 import Entry, Store, tags_now

# How many objects of a bucket are asked for their tags, if not all are. Others at each run.
SAMPLE = 32
MODES = ("none", "sample", "all")
CHANGED = "its tags have changed in the source since it was copied"


class Proven(NamedTuple):
    """An object as both sides list it, and the tags that it was proven with."""

    key: str
    source: Entry
    target: Entry
    tags: Mapping[str, str]

    @classmethod
    def of(cls, source: Entry, target: Entry, record: Record) -> Proven:
        """Return a proven object."""
        return cls(source.key, source, target, recorded_tags(record))

    def plain(self) -> tuple[Any, ...]:
        """Return it as plain data."""
        return self.key, tuple(self.source), tuple(self.target), dict(self.tags)

    @classmethod
    def load(cls, data: Any) -> Proven:
        """Return what ``plain`` has made plain."""
        key, source, target, tags = data
        return cls(key, Entry._make(source), Entry._make(target), tags)


@dataclass(frozen=True, slots=True)
class TagDiff:
    """What asking for an object's tags gave: whether they differ, or why they could not be seen."""

    proven: Proven
    is_changed: bool = False
    failure: str = ""


def positions(mode: str, objects: int) -> Collection[int]:
    """Return which of so many objects are asked for their tags, by their numbers."""
    if mode == "sample":
        return frozenset(random.sample(range(objects), min(SAMPLE, objects)))
    return range(objects if mode == "all" else 0)


def recorded_tags(record: Record) -> Mapping[str, str]:
    """Return the tags of a record."""
    return record.attributes.get("tags", {})


def tags_differ(store: Store, key: str, expected: Mapping[str, str]) -> bool:
    """Return whether an object has other tags now; never where not to see them is accepted.

    Raises what ``tags_now`` raises.
    """
    found = tags_now(store, key)
    return found is not None and found != expected


def tag_diffs(source: Store, proven: Iterable[Proven], jobs: int) -> Iterator[TagDiff]:
    """Ask the source for the tags of objects. Raises ``AwsError`` for what affects every object."""
    return parallel_map(lambda one: _diff(source, one), proven, jobs)


def _diff(source: Store, one: Proven) -> TagDiff:
    try:
        return TagDiff(one, tags_differ(source, one.key, one.tags))
    except OBJECT_ERRORS as error:
        if affects_every_object(error):
            with translated(f"reading {source.name}"):
                raise
        return TagDiff(one, failure=reason_of(error))
