"""Listing a bucket page by page, each checked; an empty listing is confirmed by another kind of request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from botocore.exceptions import ClientError

from engines.aws import translated
from engines.objects.errors import ObjectsError, code_of
from engines.objects.s3.client import Store
from engines.objects.s3.external_sort import Sorted
from engines.objects.s3.list_page import CutPageError, Page, PageError, PageReader
from engines.objects.xml_answer import until_whole

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STANDARD = "STANDARD"
# A bucket full of delete markers has empty pages; more than so many in a row lead nowhere.
_EMPTY_PAGES = 10_000
_NOT_FOUND = frozenset({"NoSuchKey", "NotFound", "404"})
# The second question is not answered: the store does not know it, or does not let us ask.
_NO_ANSWER = frozenset(
    {"NotImplemented", "501", "MethodNotAllowed", "405", "InvalidRequest", "InvalidArgument", "400"}
    | {"AccessDenied", "403"}
)

Query = list[tuple[str, str]]


class Entry(NamedTuple):
    """One object as it is listed: ``size`` in bytes, ``modified`` as text (``2026-11-22T20:13:14.157``).

    As fine as the store lists it, without the zone, which is always UTC. Compared as text (``same_time``),
    since reading a hundred thousand dates costs more than all else.
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
    ``seen`` is called with how many objects each page has. Raises ``AwsError``, and ``ObjectsError`` for a
    store whose answers do not fit together (that a key is listed twice shows when the entries are read).
    """

    def twice(key: str) -> ObjectsError:
        return _odd(store, f"{key!r} is listed twice, so that others may be missing")

    entries = Sorted(Entry._make, twice=twice)
    try:
        with translated(f"listing of {store.name}"):
            # Twice at most: somebody may fill an empty bucket while we ask whether it is.
            for _ in range(2):
                count = 0
                for page in _Pages(store, missing_is_empty):
                    count += len(page)
                    entries.extend(page)
                    seen(len(page))
                if count or _is_confirmed_empty(store, missing_is_empty):
                    return entries
            raise _odd(store, "by ListObjectsV2 the bucket is empty, by ListObjects it is not")
    except BaseException:
        entries.close()
        raise


def entry(store: Store, key: str) -> Entry | None:
    """Return how the store lists ``key``, None if it does not. Raises botocore's errors."""
    query = [*_PLAIN, ("list-type", "2"), ("prefix", store.address.prefix + key)]
    page = _page(store, PageReader(), "ListObjectsV2", query, 1)
    return next((one for one in _entries(store, page, 1) if one.key == key), None)


_PLAIN: Query = [("encoding-type", "url")]


class _Pages:
    """The pages of one listing, by ListObjectsV2, or by ListObjects where a store knows nothing else."""

    def __init__(self, store: Store, missing_is_empty: bool) -> None:
        self._store, self._missing_is_empty = store, missing_is_empty
        self._base: Query = [*_PLAIN, ("prefix", store.address.prefix)]
        self._next: Query = [("list-type", "2")]
        self._tokens: set[str] = set()
        self._firsts: set[str] = set()
        self._number = self._empty = 0

    def __iter__(self) -> Iterator[list[Entry]]:
        reader = PageReader()
        while True:
            self._number += 1
            query = sorted(self._base + self._next)
            try:
                page = _page(self._store, reader, "ListObjectsV2", query, self._number)
            except ClientError as error:
                if self._missing_is_empty and code_of(error) == "NoSuchBucket":
                    return
                raise
            entries = _entries(self._store, page, self._number)
            self._check_progress(entries)
            yield entries
            if not page.is_truncated:
                return
            self._next = self._following(page, entries)

    def _check_progress(self, entries: list[Entry]) -> None:
        self._empty = 0 if entries else self._empty + 1
        if self._empty > _EMPTY_PAGES:
            raise _odd(self._store, f"page {self._number} is empty, as {_EMPTY_PAGES} before it")
        if entries and entries[0].key in self._firsts:
            raise _odd(self._store, f"page {self._number} is one that was listed before")
        self._firsts.update(one.key for one in entries[:1])

    def _following(self, page: Page, entries: list[Entry]) -> Query:
        """Return the parameters of the request for the next page."""
        if page.token:
            if page.token in self._tokens:
                raise _odd(self._store, f"page {self._number} leads back to one that was listed before")
            self._tokens.add(page.token)
            return [("continuation-token", page.token), ("list-type", "2")]
        # A store that knows only the first version of the API continues after the last key of a page.
        if not entries or self._tokens:
            raise _odd(self._store, f"page {self._number} is not the last, and names no next one")
        return [("marker", self._store.address.prefix + entries[-1].key)]


def _page(store: Store, reader: PageReader, operation: str, query: Query, number: int) -> Page:
    def ask() -> Page:
        return reader.read(store.read(operation, query=query).decode("utf-8", "surrogateescape"))

    try:
        # A page that was cut short, or is none at all, must never pass for the end of a bucket.
        return until_whole(ask, CutPageError)
    except PageError as error:
        raise _odd(store, f"page {number}: {error}") from error


def _entries(store: Store, page: Page, number: int) -> list[Entry]:
    """Return the objects of a page, their keys relative to the prefix."""
    prefix = store.address.prefix
    try:
        keys = store.key_encoding.decode(
            page.keys, prefix, lambda key: _exists(store, key), is_encoded=page.is_encoded
        )
    except ValueError as error:
        raise _odd(store, f"page {number}: {error}") from error
    if prefix and not all(key.startswith(prefix) for key in keys):
        raise _odd(store, f"page {number}: it has keys that do not begin with {prefix!r}")
    cut = len(prefix)
    try:
        entries = [
            Entry(key[cut:], int(size), _etag(etag), modified.removesuffix("Z"), storage or _STANDARD)
            for key, (_, size, etag, modified, storage) in zip(keys, page.rows, strict=True)
        ]
    except ValueError as error:
        raise _odd(store, f"page {number}: an object has no size that is a number") from error
    if any(one.size < 0 for one in entries):
        raise _odd(store, f"page {number}: an object has a size below 0")
    return entries


def _etag(text: str) -> str:
    # Quotes are all that has to be escaped; a general unescape takes longer than all the rest.
    return strong(text.replace("&#34;", '"').replace("&quot;", '"'))


def strong(etag: str) -> str:
    """Return an ETag without quotes, and without the mark that a proxy on the way gives it (``W/``)."""
    return etag.strip('"') if etag[:2] != "W/" else etag[2:].strip('"')


def _exists(store: Store, key: str) -> bool | None:
    """Return whether there is an object of this whole name; None if it cannot be known."""
    try:
        store.call("HeadObject", "HEAD", key[len(store.address.prefix) :]).close()
    except ClientError as error:
        return False if code_of(error) in _NOT_FOUND else None
    return True


def _is_confirmed_empty(store: Store, missing_is_empty: bool) -> bool:
    """Ask for one object by the first version of the operation; where that has no answer, for the bucket."""
    query = [*_PLAIN, ("max-keys", "1"), ("prefix", store.address.prefix)]
    try:
        page = _page(store, PageReader(), "ListObjects", query, 1)
    except ClientError as error:
        if missing_is_empty and code_of(error) == "NoSuchBucket":
            return True
        if code_of(error) not in _NO_ANSWER:
            raise
        store.call("HeadBucket", "HEAD").close()
        return True
    return not page.rows


def _odd(store: Store, what: str) -> ObjectsError:
    return ObjectsError(
        f"answers a listing with something else, or with a part of it ({what})",
        subject=store.name,
        remedy="Check that the endpoint is an S3 store, and that nothing between it and this machine"
        " changes its answers; then run this again.",
    )
