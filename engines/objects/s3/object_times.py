"""When an object was last written, and what that time does not show."""

from __future__ import annotations

import time

from engines.objects.errors import ChangedError
from engines.objects.s3.attributes import Attributes
from engines.objects.s3.client import Store
from engines.objects.s3.listing import http_seconds, strong
from engines.objects.s3.object_reader import Found

# 2026-11-22T20:13:14, which is what an HTTP header says; a listing may add a fraction.
_SECONDS = 19
# For how long a second is waited out, and how often at most: the store's clock may stand still.
WAIT = 1.05
_WAITS = 3


def same_time(one: str, other: str) -> bool:
    """Return whether two times are the same; by whole seconds where one of them is known no finer."""
    return one == other or (_SECONDS in {len(one), len(other)} and one[:_SECONDS] == other[:_SECONDS])


def finer_time(listed: str, said: str) -> str:
    """Return the time of an object that was ``listed`` with one and sent with another (in seconds, if any).

    What a proxy has taken from the answer is as it was listed: if it has changed since, that will show.
    """
    return listed if not said or same_time(listed, said) else said


def _is_fine(modified: str) -> bool:
    """Return whether a time shows a second change within its second."""
    return bool(modified[_SECONDS:].strip(".0"))


def outlast_second(store: Store, key: str, found: Found, listed: str) -> None:
    """See to it that every later write of an object is listed with another time than the one found.

    A store that lists whole seconds does not show a second write within one. So an object that was written
    in the very second in which it was read is asked for its headers again when that second is over. (With
    another body it has another ETag.) Raises botocore's errors, and ``ChangedError``.
    """
    if _is_fine(listed) or not found.sent or found.modified < found.sent:
        return
    # Like the request before, or a store may answer with other headers.
    one_byte = {"range": "bytes=0-0"} if found.size else {}
    for _ in range(_WAITS):
        time.sleep(WAIT)
        response = store.call("GetObject", "GET", key, headers=one_byte)
        response.skip()
        headers = response.headers
        is_same = strong(headers.get("etag", "")) == found.etag
        if not is_same or Attributes.of(headers, found.attributes.tags) != found.attributes:
            raise ChangedError("changed in the source while it was copied")
        if http_seconds(headers.get("last-modified", "")) != found.modified:
            raise ChangedError("changed in the source while it was copied")
        if http_seconds(headers.get("date", "")) != found.sent:
            return
