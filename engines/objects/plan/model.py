"""What a plan consists of."""

from __future__ import annotations

from typing import NamedTuple

from engines.objects.s3 import Entry


class Order(NamedTuple):
    """One object to carry. ``onto``: the ETag of the target's object that it replaces, if there is one."""

    key: str
    size: int
    etag: str
    onto: str | None = None

    @classmethod
    def of(cls, source: Entry, target: Entry | None) -> Order:
        """Return the order to carry ``source`` to where ``target`` is now."""
        return cls(source.key, source.size, source.etag, target.etag if target else None)
