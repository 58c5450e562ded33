"""Attributes that a target does not keep, or replaces by others, and answers as if nothing were wrong.

Some keep folders by their names alone; some take the type of an object from its name where it is sent as
``application/octet-stream``. So the first object of each kind is read back, and every one of a kind that was
seen to lose something.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Hashable, Mapping

from engines.objects.manifest import Record
from engines.objects.plan import differing, flat
from engines.objects.s3 import Found, Store, open_object, read
from engines.objects.transfer.object_copy import Copied

# An extension by which a store may guess at a type: a version or a date is none.
_EXTENSION = re.compile(r"\.([A-Za-z][A-Za-z0-9+]{0,7})$")
# Values that every store keeps as they are.
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")


class KeptAttributes:
    """What is known of one target. Safe to share between threads."""

    def __init__(self, target: Store) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._kept: set[Hashable] = set()

    def without_lost(self, done: Copied) -> Copied:
        """Return what has arrived of an object, and what of it has not. Raises botocore's errors."""
        record = done.record
        is_folder, kind = record.key.endswith("/"), _kind(record)
        with self._lock:
            if kind in self._kept and not is_folder:
                return done
        found = self._read_back(record)
        kept, sent = found.attributes.to_data(), record.attributes
        lost = differing(flat(sent), flat(kept), found.unread)
        if not lost:
            with self._lock:
                self._kept.add(kind)
            return done
        what = f"{', '.join(lost)} of {'folders' if is_folder else 'objects'}, which the target does not keep"
        return Copied(record._replace(attributes=kept), (*done.not_copied, what), done.is_proven)

    def _read_back(self, record: Record) -> Found:
        if not record.size:
            return read(self._target, record.key)[0]
        with open_object(self._target, record.key, stop=1) as (found, body):
            body.readinto(memoryview(bytearray(1)))
        return found


def _kind(record: Record) -> Hashable:
    """Return what an object has in common with others that a target treats alike."""
    extension = _EXTENSION.search(record.key)
    headers = record.attributes.get("headers", {})
    parts = (record.attributes.get(name, {}) for name in ("metadata", "tags"))
    return (
        extension[1] if extension else "",
        headers.get("ContentType", ""),
        frozenset(headers),
        "-" in record.target_etag,
        *((frozenset(part) if _is_plain(part) else record.key) for part in parts),
    )


def _is_plain(part: Mapping[str, str]) -> bool:
    texts: Collection[str] = (*part, *part.values())
    return all(_PLAIN.fullmatch(text) for text in texts)
