"""Copying one object from one store to the other, hashed on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from engines.objects.manifest import Record
from engines.objects.plan import ANYTHING, CopyTask
from engines.objects.s3 import (
    Attributes,
    Found,
    finer_time,
    open_object,
    outlast_second,
    strong,
    tags,
    tags_as_xml,
)
from engines.objects.transfer.multipart import CopyContext, MultipartUpload
from engines.objects.transfer.unfinished import abort_upload


class Copied(NamedTuple):
    """An object that arrived, and what it had that is not copied."""

    record: Record
    not_copied: tuple[str, ...]
    # Whether the body was seen to be the one that the source has a digest of.
    is_proven: bool = False


class ObjectCopier:
    """Copies objects between the two stores of a context."""

    def __init__(self, context: CopyContext) -> None:
        self._context = context

    def copy(self, task: CopyTask) -> Copied:
        """Copy one object and return its proof.

        The write happens only if the target still is as ``task`` says, and the target checks what it
        received against a digest. Raises what ``open_object`` raises, and ``IntegrityError``.
        """
        condition = {"if-match": f'"{task.replaces}"'} if task.replaces else {"if-none-match": "*"}
        if task.replaces == ANYTHING:
            condition = {}
        is_large = task.size > self._context.part_size
        with (
            self._context.buffers.held(0 if is_large else task.size) as room,
            open_object(
                self._context.source,
                task.key,
                etag=task.etag,
                stop=1 if is_large else None,
                size=task.size,
            ) as (
                found,
                body,
            ),
        ):
            if not is_large:
                body.readinto(room)
                outlast_second(self._context.source, task.key, found, task.modified)
                return self._whole(task, found, room, condition)
        outlast_second(self._context.source, task.key, found, task.modified)
        return self._in_parts(task, found, condition)

    def _whole(
        self, task: CopyTask, found: Found, content: memoryview, condition: Mapping[str, str]
    ) -> Copied:
        attributes, digest = found.attributes.for_target(), hashlib.sha256(content)
        # S3 keeps this digest with the object. Signed as the body's, too, every other store checks it.
        checksum = {"x-amz-checksum-sha256": base64.b64encode(digest.digest()).decode()}
        headers = {**attributes.request(), **condition}
        response = self._context.checksums.ask(
            checksum,
            lambda extra: self._context.target.call(
                "PutObject", "PUT", task.key, headers=headers | extra, body=content, digest=digest.hexdigest()
            ),
        )
        response.skip()
        self._context.bytes_sent(len(content))
        return _copied(task, found, attributes, digest.hexdigest(), response.headers.get("etag", ""))

    def _in_parts(self, task: CopyTask, found: Found, condition: Mapping[str, str]) -> Copied:
        key, attributes = task.key, found.attributes.for_target()
        upload = MultipartUpload(self._context, key, found.etag, found.size)
        upload.begin(attributes)
        try:
            upload.send()
            etag = upload.complete(condition)
        except BaseException:
            abort_upload(self._context.target, key, upload.identity)
            raise
        self._make_sure_of_tags(key, attributes)
        done = _copied(task, found, attributes, upload.digest.hexdigest(), etag)
        return done._replace(is_proven=upload.is_proven)

    def _make_sure_of_tags(self, key: str, attributes: Attributes) -> None:
        """Set the tags again where a store has ignored those of a multipart upload, as MiniStack does."""
        if attributes.tags and tags(self._context.target, key) != attributes.tags:
            body = tags_as_xml(attributes.tags).encode()
            self._context.target.read("PutObjectTagging", "PUT", key, query=[("tagging", "")], body=body)


def _copied(task: CopyTask, found: Found, attributes: Attributes, digest: str, etag: str) -> Copied:
    etag_read = found.etag or task.etag  # a proxy may leave it out
    state = (found.size, digest, etag_read, finer_time(task.modified, found.modified), strong(etag))
    return Copied(Record(task.key, *state, "", attributes.to_data()), found.not_copied)
