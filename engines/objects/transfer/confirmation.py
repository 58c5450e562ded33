"""What plain HTTP may have changed on the way, without anybody noticing: it is looked for after each copy.

Over TLS a changed byte ends the connection. Over plain HTTP it arrives: in a body, in a header, in tags. A
body is proven where both stores give it the same ETag, which is an MD5 of it; what has another ETag is read
again. Headers are asked for again. (What is sent is signed: the target refuses it if it was changed.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.objects.errors import OBJECT_ERRORS, IntegrityError
from engines.objects.manifest import Record
from engines.objects.s3 import Attributes, Entry, Store, read, strong, tags_again
from engines.objects.transfer.object_copy import Copied

_MD5 = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


class DamagedError(IntegrityError):
    """What was written is not what the source holds."""

    def __init__(self) -> None:
        super().__init__("something on the way has changed it: what was read twice was not the same")


@dataclass(frozen=True)
class Confirmation:
    """Looks again at what was copied between two stores."""

    source: Store
    target: Store

    def confirm(self, done: Copied) -> None:
        """Look at what was copied a second time, where that is needed.

        Raises ``DamagedError`` if it differs, and what ``read`` raises.
        """
        if not (self.source.is_plain or self.target.is_plain):
            return
        record = done.record
        has_same_etag = record.source_etag == record.target_etag and _MD5.fullmatch(record.source_etag)
        if not has_same_etag and not done.is_proven:
            is_same = self._is_read_the_same(record)
        else:
            is_same = not self.source.is_plain or self._has_same_headers(record)
        if not is_same:
            raise DamagedError

    def _is_read_the_same(self, record: Record) -> bool:
        if self.source.is_plain:
            found, digest = read(self.source, record.key)
            attributes = found.attributes.for_target().to_data()
            if digest != record.sha256 or attributes != record.attributes or not _same(found.etag, record):
                return False
        # Parts were sent with checksums.
        if self.target.is_plain and "-" not in record.target_etag:
            return read(self.target, record.key)[1] == record.sha256
        return True

    def _has_same_headers(self, record: Record) -> bool:
        # Like the request before, or a store may answer with other headers.
        one_byte = {"range": "bytes=0-0"} if record.size else {}
        response = self.source.call("GetObject", "GET", record.key, headers=one_byte)
        response.skip()
        headers = response.headers
        tags = tags_again(self.source, record.key, headers, record.attributes.get("tags", {}))
        attributes = Attributes.of(headers, tags).for_target().to_data()
        return attributes == record.attributes and _same(strong(headers.get("etag", "")), record)


def found_as_written(target: Store, record: Record, listed: Entry) -> Record | None:
    """Return the record of an object that is listed with another ETag than it was written with.

    Some stores do so with what was written in parts. None if it is not the same object.
    """
    if listed.size != record.size:
        return None
    try:
        found, digest = read(target, record.key, listed)
    except OBJECT_ERRORS:
        return None
    if digest != record.sha256 or found.attributes.to_data() != record.attributes:
        return None
    return record._replace(target_etag=listed.etag).seen(listed.modified)


def _same(etag: str, record: Record) -> bool:
    """Return whether it is the same version, as far as is said: a proxy may leave ETags out."""
    return etag in {"", record.source_etag} or not record.source_etag
