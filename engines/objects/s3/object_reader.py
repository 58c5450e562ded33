"""Reading one object, whole, however often the connection breaks."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from engines.objects.errors import AlteredError, ChangedError, IntegrityError, UnverifiedError, code_of
from engines.objects.http import Response
from engines.objects.s3.attributes import Attributes, not_copied, tags_of
from engines.objects.s3.client import TRIES, Store, client_error
from engines.objects.s3.listing import Entry, http_seconds, strong
from engines.objects.xml_answer import until_whole

# Bytes that are read and hashed at a time, where the body is not kept.
_READ = 256 << 10
_PARTIAL = 206
# Ten tags, which is what an object may have, are much shorter.
_LONGEST_TAGS = 1 << 20
# The store knows no tags, or has none of this object.
NO_TAGGING = frozenset({"NotImplemented", "501", "MethodNotAllowed", "405"})
NO_TAGS = frozenset({"NoSuchTagSet", "NoSuchTagSetError"})
DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
# A range request fails for an empty object.
# A store that knows no tags says so as often.
_ASKED_AGAIN = 2
_EMPTY = frozenset({"InvalidRange", "416"})


def _begins_at(response: Response, start: int) -> bool:
    """Return whether an answer is the part that was asked for; not every store gives it the status of one."""
    said = response.headers.get("content-range", "")
    return said.startswith(f"bytes {start}-") if said else response.status == _PARTIAL


class Body:
    """An object's bytes from ``start`` to ``stop``. A connection that breaks is taken up where it broke."""

    def __init__(self, store: Store, key: str, etag: str, start: int, stop: int | None) -> None:
        self._store, self._key = store, key
        self._at, self._stop = start, stop
        self._tries = 0
        # The first response says which version it is; every later one must be of the same.
        self.response = self._ask(etag)
        self.etag = strong(self.response.headers.get("etag", ""))
        try:
            self.size = self._whole_size()
        except BaseException:
            self.response.close()
            raise
        self._stop = self.size if stop is None else min(stop, self.size)

    def _ask(self, etag: str) -> Any:
        headers = {"if-match": f'"{etag}"'} if etag else {}
        if self._at or self._stop is not None:
            headers["range"] = f"bytes={self._at}-" + ("" if self._stop is None else str(self._stop - 1))
        response = self._store.call("GetObject", "GET", self._key, headers=headers)
        if self._at and not _begins_at(response, self._at):
            response.close()
            raise IntegrityError("its body ended early, and the store does not send the rest alone")
        return response

    def _whole_size(self) -> int:
        said = self.response.headers.get("content-range", "").rpartition("/")[2]
        if said.isdigit():
            return int(said)
        return self._asked_size() if self.response.length is None else int(self.response.length)

    def _asked_size(self) -> int:
        """Ask for one byte: its range says the size, which a proxy between us and the store has left out."""
        headers = {"if-match": f'"{self.etag}"', "range": "bytes=0-0"}
        try:
            response = self._store.call("GetObject", "GET", self._key, headers=headers)
        except ClientError as error:
            if code_of(error) in _EMPTY:
                return 0
            raise
        response.close()
        said = response.headers.get("content-range", "").rpartition("/")[2]
        if not said.isdigit():
            raise IntegrityError("its length is not reported")
        return int(said)

    @property
    def left(self) -> int:
        """Return how many bytes are yet to be read."""
        return (self._stop or 0) - self._at

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return how many bytes it got, fewer only at the end. Raises botocore's errors."""
        wanted, filled = min(len(view), self.left), 0
        while filled < wanted:
            try:
                count = self.response.readinto(view[filled:wanted])
                if not count:
                    raise IntegrityError("its body ended before its announced length")
            except (OSError, IntegrityError) as error:
                self._take_up(error)
                continue
            self._tries = 0
            filled += count
            self._at += count
        return filled

    def _take_up(self, error: Exception) -> None:
        self.response.close()
        self._tries += 1
        if self._tries == TRIES:
            raise IntegrityError("its body ended before its announced length, again and again") from error
        time.sleep(0.05 * 2**self._tries * random.uniform(0.5, 1))  # noqa: S311 - no secret
        self.response = self._ask(self.etag)

    def close(self) -> None:
        """Give up what was not read."""
        self.response.close()


class Found(NamedTuple):
    """An object without its body. ``not_copied``: attributes that are not copied.

    ``unread``: parts of its description that may not be read, and were accepted as such.
    """

    size: int
    etag: str
    modified: str
    attributes: Attributes
    not_copied: tuple[str, ...]
    unread: tuple[str, ...] = ()
    # What the store's clock said, as ``modified``.
    sent: str = ""


@contextmanager
def open_object(
    store: Store,
    key: str,
    *,
    etag: str = "",
    stop: int | None = None,
    size: int | None = None,
    listed: Entry | None = None,
) -> Iterator[tuple[Found, Body]]:
    """Open an object (up to ``stop``) for reading.

    With ``etag``, only if it still has it, and this ``size``; with ``listed``, its body must have the length
    that it was listed with, unless it has changed since. Raises botocore's errors, ``ChangedError`` and
    ``AlteredError`` where that does not fit, and ``UnverifiedError`` where its tags may not be read.
    """
    body = Body(store, key, etag, 0, stop)
    try:
        if etag and body.etag not in {"", etag}:
            raise ChangedError("changed in the source while it was copied")
        if listed is not None and body.etag in {"", listed.etag}:
            size = listed.size
        if size is not None:
            _check_size(body.size, size)
        headers = body.response.headers
        found = _tags_seen(store, key, headers)
        attributes = Attributes.of(headers, found or {})
        modified = http_seconds(headers.get("last-modified", ""))
        unread = ("tags",) if found is None else ()
        behind = (*not_copied(headers), *(f"{part}, which may not be read" for part in unread))
        sent = http_seconds(headers.get("date", ""))
        yield Found(body.size, body.etag, modified, attributes, behind, unread, sent), body
    finally:
        body.close()


def _check_size(size: int, listed: int) -> None:
    """Raise ``AlteredError`` for a body of another length than the same version is listed with."""
    if size != listed:
        raise AlteredError(
            f"its body has {size} bytes, its listing {listed}: something between the store and this machine"
            " changes it (inflates a Content-Encoding, for instance)"
        )


def tags(store: Store, key: str) -> dict[str, str]:
    """Return an object's tags. Raises botocore's errors, and ``IntegrityError`` if they come only in part."""
    return until_whole(lambda: _tags(store, key), IntegrityError)


def _tags(store: Store, key: str) -> dict[str, str]:
    query = [("tagging", "")]
    response = store.call("GetObjectTagging", "GET", key, query=query)
    is_object = "etag" in response.headers
    if is_object and (response.length or 0) > _LONGEST_TAGS:
        response.close()
        raise _no_tagging()
    try:
        text = response.read()
    except OSError:
        text = store.read("GetObjectTagging", key=key, query=query)
    try:
        return tags_of(text)
    except IntegrityError as error:
        if is_object:
            raise _no_tagging() from error
        raise


def _no_tagging() -> ClientError:
    message = "the store does not know the question, and answers with the object"
    return client_error("GetObjectTagging", HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message)


def _tags_seen(store: Store, key: str, headers: Mapping[str, str]) -> dict[str, str] | None:
    """Return the tags of an object with these ``headers``, None where not to see them is accepted."""
    counts = store.tag_counts
    if not counts.must_ask(headers):
        return {}
    try:
        found = tags(store, key)
    except ClientError as error:
        if code_of(error) in NO_TAGGING:
            if (known := _tags_after_all(store, key)) is not None:
                return known
            if "x-amz-tagging-count" not in headers:
                counts.unknown()
                return {}
        return _without_tags(store, error)
    counts.answered(headers, found)
    return found


def _tags_after_all(store: Store, key: str) -> dict[str, str] | None:
    """Ask again for tags where the store was said not to know any: something else may have said so."""
    for _ in range(_ASKED_AGAIN):
        try:
            return tags(store, key)
        except ClientError as error:
            if code_of(error) not in NO_TAGGING:
                raise
    return None


def tags_again(
    store: Store, key: str, headers: Mapping[str, str], known: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the tags of an object that has these ``headers`` by now and was ``known`` to have some."""
    if not known and not store.tag_counts.must_ask(headers):
        return {}
    return _tags_seen(store, key, headers) or {}


def tags_now(store: Store, key: str) -> dict[str, str] | None:
    """Return an object's tags as they are now, None where not to see them is accepted.

    Raises botocore's errors, and ``UnverifiedError`` where they may not be read.
    """
    try:
        return tags(store, key)
    except ClientError as error:
        return {} if code_of(error) in NO_TAGGING else _without_tags(store, error)


def _without_tags(store: Store, error: ClientError) -> dict[str, str] | None:
    """Return what a refusal to tell of tags means: none, or None for unread. Raises what it is otherwise."""
    if code_of(error) in NO_TAGS:
        return {}
    if code_of(error) not in DENIED:
        raise error
    if store.accepts_unread_tags:
        return None
    raise UnverifiedError(
        "its tags could not be verified: GetObjectTagging was refused (allow s3:GetObjectTagging, or name"
        " tags in accept_unverified)"
    ) from error


def read(store: Store, key: str, listed: Entry | None = None) -> tuple[Found, str]:
    """Read a whole object; return what it is and its SHA-256. Little of it is in memory at a time.

    Raises what ``open_object`` raises.
    """
    digest = hashlib.sha256()
    with open_object(store, key, listed=listed) as (found, body):
        view = memoryview(bytearray(max(1, min(_READ, body.left))))
        while body.left:
            digest.update(view[: body.readinto(view)])
    return found, digest.hexdigest()
