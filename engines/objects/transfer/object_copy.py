"""Carrying one object from one store to the other, hashed on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from engines.objects.manifest import Record
from engines.objects.plan import Order
from engines.objects.s3 import Attributes, Found, opened, tags, tags_as_xml
from engines.objects.transfer.multipart import Lane, Upload, abandon


class Carried(NamedTuple):
    """An object that arrived, and what it had that was left behind."""

    record: Record
    left_behind: tuple[str, ...]


class Mover:
    """Carries objects between the two stores of a lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def carry(self, order: Order) -> Carried:
        """Copy one object and return its proof.

        The write happens only if the target still is as ``order`` says, and the target checks what it
        received against a digest. Raises botocore's errors and ``TruncatedError``.
        """
        condition = {"if-match": f'"{order.onto}"'} if order.onto else {"if-none-match": "*"}
        is_large = order.size > self._lane.part_size
        with (
            self._lane.buffers.held(0 if is_large else order.size) as room,
            opened(self._lane.source, order.key, order.etag, 1 if is_large else None) as (found, body),
        ):
            # An object that has grown since it was listed goes in parts, too.
            if not is_large and found.size <= len(room):
                content = room[: found.size]
                body.readinto(content)
                return self._whole(order.key, found, content, condition)
        return self._in_parts(order.key, found, condition)

    def _whole(self, key: str, found: Found, content: memoryview, condition: Mapping[str, str]) -> Carried:
        attributes, digest = found.attributes.carried(), hashlib.sha256(content)
        # S3 keeps this digest with the object. Signed as the body's, too, every other store checks it.
        checksum = {"x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode()}
        headers = {**attributes.request(), **condition}
        answer = self._lane.checksums.ask(
            checksum,
            lambda extra: self._lane.target.call(
                "PutObject", "PUT", key, headers=headers | extra, body=content, digest=digest.hexdigest()
            ),
        )
        answer.skip()
        self._lane.arrived(len(content))
        return _carried(key, found, attributes, digest.hexdigest(), answer.headers.get("etag", ""))

    def _in_parts(self, key: str, found: Found, condition: Mapping[str, str]) -> Carried:
        attributes = found.attributes.carried()
        upload = Upload(self._lane, key, found.etag, found.size)
        upload.begin(attributes)
        try:
            upload.send()
            etag = upload.complete(condition)
        except BaseException:
            abandon(self._lane.target, key, upload.identity)
            raise
        self._make_sure_of_tags(key, attributes)
        return _carried(key, found, attributes, upload.digest.hexdigest(), etag)

    def _make_sure_of_tags(self, key: str, attributes: Attributes) -> None:
        """Set the tags again where a store has ignored those of a multipart upload, as MiniStack does."""
        if attributes.tags and tags(self._lane.target, key) != attributes.tags:
            body = tags_as_xml(attributes.tags).encode()
            self._lane.target.read("PutObjectTagging", "PUT", key, query=[("tagging", "")], body=body)


def _carried(key: str, found: Found, attributes: Attributes, digest: str, etag: str) -> Carried:
    state = (found.size, digest, found.etag, found.modified, etag.strip('"'))
    return Carried(Record(key, *state, "", attributes.to_data()), found.left_behind)
