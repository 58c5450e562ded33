"""Reading one object on both sides, and what differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engines.aws import translated
from engines.objects.errors import OBJECT_ERRORS, affects_every_object, reason_of
from engines.objects.manifest import Record
from engines.objects.plan.model import ObjectPair
from engines.objects.s3 import Attributes, Found, Store, finer_time, outlast_second, read


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """What reading an object on both sides gave: a proof, where they differ, or why it was not read."""

    pair: ObjectPair
    record: Record | None = None
    differs: str = ""
    failure: str = ""


def diff_object(source: Store, target: Store, pair: ObjectPair) -> ObjectDiff:
    """Read an object on both sides. Raises ``AwsError`` for what affects every object."""
    try:
        original, digest = read(source, pair.key, pair.source)
        outlast_second(source, pair.key, original, pair.source.modified)
        copy, target_digest = read(target, pair.key, pair.target)
    except OBJECT_ERRORS as error:
        if affects_every_object(error):
            with translated(f"reading {source.name} and {target.name}"):
                raise
        return ObjectDiff(pair, failure=reason_of(error))
    unread = {*original.unread, *copy.unread}
    where = differing(description(original, digest, as_target=True), description(copy, target_digest), unread)
    if where:
        return ObjectDiff(pair, differs=", ".join(where))
    attributes = original.attributes.for_target().to_data()
    record = Record(
        pair.key,
        original.size,
        digest,
        # What a proxy has taken from the answer is as it was listed: if it has changed since, that will show.
        original.etag or pair.source.etag,
        finer_time(pair.source.modified, original.modified),
        copy.etag or pair.target.etag,
        finer_time(pair.target.modified, copy.modified),
        attributes,
    )
    return ObjectDiff(pair, record=record)


def description(found: Found, digest: str, *, as_target: bool = False) -> dict[str, Any]:
    """Return what has to be the same on both sides; ``as_target``: as it would be written to a target."""
    attributes: Attributes = found.attributes.for_target() if as_target else found.attributes
    return {"size": found.size, "sha256": digest, **flat(attributes.to_data())}


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's attributes as parts to compare: each header by its name, metadata, tags."""
    names = {name: attributes[name] for name in ("metadata", "tags") if name in attributes}
    return names | dict(attributes.get("headers", {}))


def differing(
    source: Mapping[str, object], target: Mapping[str, object], unread: Collection[str] = ()
) -> list[str]:
    """Return the names of the parts in which two descriptions of an object differ (size, metadata …).

    Parts that are ``unread`` on either side are left out.
    """
    names = (source.keys() | target.keys()).difference(unread)
    return sorted(name for name in names if source.get(name) != target.get(name))
