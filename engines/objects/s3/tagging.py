"""Tags, which an answer to GetObject counts but does not hold; and only for callers who may read them.

That an answer counts none proves nothing alone: the caller may not read tags, or the store never counts them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

# Stores that are known to count the tags of each object for callers who may read them, by their ``Server``.
_COUNTING = ("AmazonS3", "MinIO", "SeaweedFS")
# Of such a store so many objects are asked all the same: a proxy may leave the count out.
_ASKED = 4


class TagCounts:
    """What is known of one store: whether an object whose tags are not counted has none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = 0
        # True once a count was seen, False once there were tags without one.
        self._counts: bool | None = None
        self._has_tags = True

    @property
    def name(self) -> str:
        """Return ``counted``, ``asked`` (of every object), ``none`` or ``unknown``."""
        if not self._has_tags:
            return "none"
        return {True: "counted", False: "asked", None: "unknown"}[self._counts]

    def must_ask(self, headers: Mapping[str, str]) -> bool:
        """Return whether the tags of an object with these ``headers`` have to be requested."""
        count = headers.get("x-amz-tagging-count", "")
        if count and count != "0":
            with self._lock:
                self._counts = True if self._counts is None else self._counts
            return True
        if count or not self._has_tags:
            return False
        is_known = headers.get("server", "").startswith(_COUNTING) and self._asked >= _ASKED
        return self._counts is False or (self._counts is None and not is_known)

    def answered(self, headers: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Learn from the tags of an object with these ``headers``."""
        with self._lock:
            self._asked += 1
            if tags and "x-amz-tagging-count" not in headers:
                self._counts = False

    def unknown(self) -> None:
        """Learn that the store knows no tags."""
        self._has_tags = False
