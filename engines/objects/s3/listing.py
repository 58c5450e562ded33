"""Listing a bucket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from html import unescape
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from botocore.exceptions import ClientError

from engines.aws import translated
from engines.objects.errors import ObjectsError, code_of
from engines.objects.s3.client import Store, element
from engines.objects.s3.external_sort import Sorted

_FIELDS = ("Key", "Size", "ETag", "LastModified", "StorageClass")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STANDARD = "STANDARD"
# 2026-11-22T20:13:14: what is left of a time when its fraction and zone are cut off.
_SECONDS = 19
_QUOTES = '"'


class Entry(NamedTuple):
    """One object as it is listed: ``size`` in bytes, ``modified`` in whole seconds (``2026-11-22T20:13:14``).

    Whole seconds because some stores list finer times than they send with the object itself. Compared as
    text, since reading a hundred thousand dates costs more than all else.
    """

    key: str
    size: int
    etag: str
    modified: str
    storage_class: str = _STANDARD


def http_seconds(date: str) -> str:
    """Return the time of an HTTP header as it is listed, nothing if there is none."""
    parts = date.split()
    if len(parts) == 6 and parts[2] in _MONTHS and parts[5] == "GMT":  # noqa: PLR2004 - Sun, 22 Nov 2026 20:13:14 GMT
        return f"{parts[3]}-{_MONTHS.index(parts[2]) + 1:02}-{int(parts[1]):02}T{parts[4]}"
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return ""


def listed(
    store: Store, *, missing_is_empty: bool = False, seen: Callable[[int], None] = lambda _: None
) -> Sorted[Entry]:
    """List every object under the store's prefix: ordered by key, each once, and re-readable. Close it.

    ``missing_is_empty``: a bucket that does not exist yet holds nothing (for a plan before it is created).
    ``seen`` is called with how many objects each page has. Raises ``AwsError``.
    """
    entries = Sorted(Entry._make)
    try:
        with translated(f"listing of {store.name}"):
            for page in _pages(store, missing_is_empty):
                entries.extend(page)
                seen(len(page))
    except BaseException:
        entries.close()
        raise
    return entries


def entry(store: Store, key: str) -> Entry | None:
    """Return how the store lists ``key``, None if it does not. Raises botocore's errors."""
    prefix = store.address.prefix
    query = [("encoding-type", "url"), ("list-type", "2"), ("prefix", prefix + key)]
    text = store.read("ListObjectsV2", query=query).decode("utf-8", "surrogateescape")
    return next((one for one in _Reader(len(prefix)).page(text) if one.key == key), None)


def _pages(store: Store, missing_is_empty: bool) -> Iterator[list[Entry]]:
    query = [("encoding-type", "url"), ("list-type", "2"), ("prefix", store.address.prefix)]
    token: list[tuple[str, str]] = []
    read = _Reader(len(store.address.prefix))
    while True:
        try:
            text = store.read("ListObjectsV2", query=query + token).decode("utf-8", "surrogateescape")
        except ClientError as error:
            if missing_is_empty and code_of(error) == "NoSuchBucket":
                return
            raise
        # A page that was cut short, or is none at all, must never pass for the end of a bucket.
        _check(text.rstrip().endswith("</ListBucketResult>"), store)
        try:
            entries = read.page(text)
        except (ElementTree.ParseError, ValueError) as error:
            raise _not_a_listing(store) from error
        yield entries
        # No key can imitate these elements: keys are encoded.
        if element(text, "IsTruncated") != "true":
            return
        following = element(text, "NextContinuationToken")
        _check(bool(following), store)
        token = [("continuation-token", following)]


def _check(is_whole: bool, store: Store) -> None:
    if not is_whole:
        raise _not_a_listing(store)


def _not_a_listing(store: Store) -> ObjectsError:
    return ObjectsError(
        "answers a listing with something else, or with a part of it",
        subject=store.name,
        remedy="Check that the endpoint is an S3 store that knows ListObjectsV2.",
    )


class _Reader:
    """Reads pages of XML by the shape of their first object, which is ten times as fast as a parser.

    A page that has another shape anywhere is given to a parser.
    """

    def __init__(self, prefix_length: int) -> None:
        self._prefix = prefix_length
        self._shape: re.Pattern[str] | None = None
        self._take: Callable[[Any], Any] = tuple

    def page(self, text: str) -> list[Entry]:
        expected = text.count("<Contents>")
        if not expected:
            return []
        for attempt in range(2):
            if self._shape is None or attempt:
                self._learn(text)
            if self._shape is None:
                break
            rows = self._shape.findall(text)
            if len(rows) == expected:
                return [self._entry(*self._take(row)) for row in rows]
        return [self._entry(*row) for row in _parsed(text)]

    def _learn(self, text: str) -> None:
        first = text[text.index("<Contents>") + 10 : text.find("</Contents>")]
        names = re.findall(r"<(\w+)>[^<]*</\1>", first)
        fields = [name for name in _FIELDS if name in names]
        self._shape = None
        if len(set(names)) == len(names) and len(fields) == len(_FIELDS):
            inner = "".join(f"<{name}>([^<]*)</{name}>" for name in names)
            self._shape = re.compile(f"<Contents>{inner}</Contents>")
            self._take = itemgetter(*(names.index(name) for name in _FIELDS))

    def _entry(self, key: str, size: str, etag: str, modified: str, storage: str) -> Entry:
        if "&" in key:
            key = unescape(key)
        if "%" in key or "+" in key:
            key = unquote_plus(key, errors="surrogateescape")
        # Quotes are all that has to be escaped in an ETag; unescape() takes longer than all the rest.
        etag = etag.replace("&#34;", "").replace("&quot;", "").strip(_QUOTES)
        key = key[self._prefix :]
        return Entry(key, int(size), etag, modified[:_SECONDS], storage or _STANDARD)


def _parsed(text: str) -> Iterator[tuple[str, str, str, str, str]]:
    for content in ElementTree.fromstring(text):  # noqa: S314 - expat expands no external entities; our own store
        if content.tag.rpartition("}")[2] == "Contents":
            found = {part.tag.rpartition("}")[2]: part.text or "" for part in content}
            key, size, etag, modified, storage = (found.get(name, "") for name in _FIELDS)
            yield key, size, etag, modified, storage


def older_versions(store: Store) -> int | None:
    """Return how many older versions and delete markers the bucket keeps; they are not copied.

    None when the store does not let us ask. A store that does not know versions has none.
    """
    try:
        status = element(store.read("GetBucketVersioning", query=[("versioning", "")]).decode(), "Status")
        return _count_versions(store) if status else 0
    except ClientError as error:
        return 0 if code_of(error) in {"NotImplemented", "MethodNotAllowed", "501", "405"} else None


def _count_versions(store: Store) -> int:
    older, marker = 0, [("prefix", store.address.prefix)]
    while True:
        query = [("versions", ""), ("encoding-type", "url"), *marker]
        text = store.read("ListObjectVersions", query=query).decode("utf-8", "replace")
        older += text.count("<IsLatest>false</IsLatest>")
        if element(text, "IsTruncated") != "true":
            return older
        marker = [
            ("prefix", store.address.prefix),
            ("key-marker", unquote_plus(element(text, "NextKeyMarker"))),
            ("version-id-marker", element(text, "NextVersionIdMarker")),
        ]
