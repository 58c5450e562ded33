"""What a store says it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from engines.aws import translated
from engines.objects.endpoint import Store
from engines.objects.errors import code_of
from engines.objects.streams import ordered


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as it is listed: ``size`` in bytes, ``modified`` in whole seconds since the epoch.

    Whole seconds because some stores list finer times than they send with the object itself.
    """

    key: str
    size: int
    etag: str
    modified: int
    storage_class: str = "STANDARD"

    def to_data(self) -> list[Any]:
        """Return it as plain data for JSON."""
        return [self.key, self.size, self.etag, self.modified, self.storage_class]

    @classmethod
    def from_data(cls, data: list[Any]) -> Entry:
        """Return what ``to_data`` wrote."""
        return cls(*data)


def seconds(moment: datetime) -> int:
    """Return whole seconds since the epoch."""
    return int(moment.timestamp())


def listed(store: Store, *, missing_is_empty: bool = False) -> Iterator[Entry]:
    """Yield every object under the store's prefix, ordered by the UTF-8 bytes of its key.

    ``missing_is_empty``: a bucket that does not exist yet holds nothing (for a plan before it is created).
    Raises ``AwsError``.
    """
    return ordered(_entries(store, missing_is_empty), Entry.from_data)


def _entries(store: Store, missing_is_empty: bool) -> Iterator[Entry]:
    pages = store.client.get_paginator("list_objects_v2").paginate(
        Bucket=store.endpoint.bucket,
        Prefix=store.endpoint.prefix,
        # XML cannot carry control characters. Asked for by ourselves, boto3 leaves the decoding to us.
        EncodingType="url",
    )
    with translated(f"listing of {store.name}"):
        try:
            for page in pages:
                encoded = page.get("EncodingType") == "url"
                for content in page.get("Contents", ()):
                    yield _entry(content, encoded, len(store.endpoint.prefix))
        except ClientError as error:
            if not (missing_is_empty and code_of(error) == "NoSuchBucket"):
                raise


def _entry(content: dict[str, Any], encoded: bool, prefix_length: int) -> Entry:
    key = unquote_plus(content["Key"], errors="surrogateescape") if encoded else content["Key"]
    return Entry(
        key=key[prefix_length:],
        size=int(content["Size"]),
        etag=str(content.get("ETag", "")).strip('"'),
        modified=seconds(content["LastModified"]),
        storage_class=content.get("StorageClass") or "STANDARD",
    )


def count_older_versions(store: Store) -> int:
    """Return how many older versions and delete markers the bucket keeps; they are not carried.

    A store that does not know versions, or does not let us ask, has none that could be told of.
    """
    try:
        if not store.client.get_bucket_versioning(Bucket=store.endpoint.bucket).get("Status"):
            return 0
        pages = store.client.get_paginator("list_object_versions").paginate(
            Bucket=store.endpoint.bucket, Prefix=store.endpoint.prefix
        )
        kinds = ("Versions", "DeleteMarkers")
        return sum(
            not version["IsLatest"] for page in pages for kind in kinds for version in page.get(kind, ())
        )
    except ClientError:
        return 0
