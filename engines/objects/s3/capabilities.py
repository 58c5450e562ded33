"""What a store supports, found out by read requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.errors import IntegrityError, code_of
from engines.objects.s3.client import Store
from engines.objects.s3.listing import Entry
from engines.objects.s3.object_reader import DENIED, NO_TAGGING, NO_TAGS, tags

_PARTIAL = 206
_REFUSED = frozenset({"PreconditionFailed", "412"})
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Capabilities:
    """What is known of a store once its bucket was listed; ``unknown`` and None is what it did not answer."""

    # What it calls itself, and how far its clock is ahead of ours.
    server: str = _UNKNOWN
    clock_ahead_seconds: int | None = None
    # How keys are written in listings: url, percent (a plus means itself), none.
    key_encoding: str = _UNKNOWN
    # Whether tags may be read: readable, denied, or none where the store knows no tags.
    tags: str = _UNKNOWN
    # Whether part of a body can be read, and a body only if it has a given ETag.
    ranges: bool | None = None
    conditional_reads: bool | None = None


def probe(store: Store, sample: Entry | None) -> Capabilities:
    """Ask a store what it can do, by its bucket and by ``sample``, one of its objects."""
    # What is not answered is unknown, and holds nothing up.
    store = replace(store.hurried(), most_tries=2)
    server, ahead = _said(store)
    ranges = conditional = None
    readable = _UNKNOWN
    if sample is not None:
        readable = _tags(store, sample.key)
        if sample.size:
            ranges = _answered(store, sample.key, lambda status, _: status == _PARTIAL)
            wrong = {"if-match": '"no-such-version"'}
            conditional = _answered(store, sample.key, lambda _, code: code in _REFUSED, wrong)
    return Capabilities(server, ahead, store.key_encoding.name, readable, ranges, conditional)


def _said(store: Store) -> tuple[str, int | None]:
    """Return what the store calls itself, and how many seconds its clock is ahead."""
    try:
        response = store.call("HeadBucket", "HEAD")
        response.close()
    except (BotoCoreError, ClientError):
        return _UNKNOWN, None
    server = response.headers.get("server") or _UNKNOWN
    try:
        return server, round(parsedate_to_datetime(response.headers["date"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return server, None


def _tags(store: Store, key: str) -> str:
    try:
        tags(store, key)
    except ClientError as error:
        kinds = {"denied": DENIED, "none": NO_TAGGING, "readable": NO_TAGS}
        return next((kind for kind, codes in kinds.items() if code_of(error) in codes), _UNKNOWN)
    except (BotoCoreError, IntegrityError):
        return _UNKNOWN
    return "readable"


def _answered(
    store: Store, key: str, is_so: Callable[[int, str], bool], headers: dict[str, str] | None = None
) -> bool | None:
    """Return whether an answer to a request for one byte has such a status or code; None for no answer."""
    try:
        response = store.call("GetObject", "GET", key, headers={"range": "bytes=0-0", **(headers or {})})
        response.close()
        return is_so(response.status, "")
    except ClientError as error:
        # Any other refusal says nothing of it.
        return True if is_so(0, code_of(error)) else None
    except BotoCoreError:
        return None
