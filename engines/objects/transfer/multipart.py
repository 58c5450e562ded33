"""Multipart copy of a large object: several parts at a time, hashed in order as one."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from botocore.exceptions import ClientError
from isal import isal_zlib

from engines.objects.errors import IntegrityError, code_of
from engines.objects.http import UNSIGNED
from engines.objects.s3 import Attributes, Body, Store, element, refusal, strong
from engines.objects.transfer.buffers import Buffers

# An ETag that may be the MD5 of a body: in most stores it is, of what was written at once.
_MD5 = re.compile(r"[0-9a-f]{32}")
# S3 takes at most so many parts of one object.
_MOST_PARTS = 10_000
_CRC = "x-amz-checksum-crc32"
_NOT_UNDERSTOOD = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest", "501"})

Answered = TypeVar("Answered")


class Checksums:
    """Checksums that a target checks and keeps, until it turns out that it refuses such headers.

    ``checked`` once it has answered a part's CRC32 with that of what it received.
    """

    def __init__(self) -> None:
        self.understood = True
        self.checked = False

    def ask(self, checksum: dict[str, str], ask: Callable[[dict[str, str]], Answered]) -> Answered:
        """Call ``ask`` with ``checksum``, or with nothing where the target does not understand it."""
        if self.understood:
            try:
                return ask(checksum)
            except ClientError as error:
                if code_of(error) not in _NOT_UNDERSTOOD:
                    raise
                self.understood = False
        return ask({})


class _StoppedError(IntegrityError):
    """A part was given up because another one failed, which is the cause to report."""


class Part(NamedTuple):
    """A part that arrived."""

    etag: str
    crc: int
    size: int


@dataclass(frozen=True)
class CopyContext:
    """What the parts of all large objects share.

    ``pool`` runs them. ``upload_begun`` is called with each upload (key, upload id) before its first part,
    ``bytes_sent`` with the size of what has arrived.
    """

    source: Store
    target: Store
    part_size: int
    pool: ThreadPoolExecutor
    buffers: Buffers
    checksums: Checksums
    upload_begun: Callable[[str, str], None]
    bytes_sent: Callable[[int], None]


class MultipartUpload:
    """One multipart copy, of the version with this ETag."""

    def __init__(self, context: CopyContext, key: str, etag: str, size: int) -> None:
        self._context, self._key, self._etag, self._size = context, key, etag, size
        self._part_size = max(context.part_size, -(-size // _MOST_PARTS))
        self.identity = ""
        self.digest = hashlib.sha256()
        # Over plain HTTP nothing else shows that a byte was changed on the way.
        is_digest = context.source.is_plain and _MD5.fullmatch(etag)
        self._md5 = hashlib.md5(usedforsecurity=False) if is_digest else None
        self._checksums = True
        self._turn = 0
        self._failed = False
        self._turned = threading.Condition()
        self._parts: list[Part] = []

    def begin(self, attributes: Attributes) -> None:
        """Open the upload."""
        checksum = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"}
        headers = attributes.request()
        # Before the request: a kill may come when the store has begun the upload and not yet responded.
        self._context.upload_begun(self._key, "")
        text = self._context.checksums.ask(
            checksum,
            lambda extra: self._context.target.read(
                "CreateMultipartUpload", "POST", self._key, query=[("uploads", "")], headers=headers | extra
            ),
        )
        self._checksums = self._context.checksums.understood
        self.identity = element(text.decode("utf-8", "replace"), "UploadId")
        self._context.upload_begun(self._key, self.identity)

    def send(self) -> None:
        """Send all parts. Raises what the first failed one raised."""
        buffers, sent = self._context.buffers, []
        for number, start in enumerate(range(0, self._size, self._part_size)):
            if self._failed:
                break
            stop = min(start + self._part_size, self._size)
            # Taken here, in order: a part never waits for memory that a later one holds.
            content = buffers.take(stop - start)
            future = self._context.pool.submit(self._part, number, start, content)
            future.add_done_callback(partial(_give_back, buffers, content))
            sent.append(future)
        self._parts = list(_all_of(sent))

    @property
    def is_proven(self) -> bool:
        """Return whether what was read has the digest that the source has of it."""
        return self._md5 is not None and self._md5.hexdigest() == self._etag

    def _part(self, number: int, start: int, content: memoryview) -> Part:
        try:
            body = Body(self._context.source, self._key, self._etag, start, start + len(content))
            try:
                # Memory is used again: what is not read is another object's.
                if body.etag not in {"", self._etag} or body.readinto(content) != len(content):
                    raise IntegrityError("it was replaced while it was copied")
            finally:
                body.close()
            self._hash(number, content)
            return self._put(number, content)
        except BaseException:
            with self._turned:
                self._failed = True
                self._turned.notify_all()
            raise

    def _hash(self, number: int, content: memoryview) -> None:
        """Hash a part when all before it are hashed."""
        with self._turned:
            self._turned.wait_for(lambda: self._turn == number or self._failed)
        if self._failed:
            raise _StoppedError("another part of it could not be copied")
        self.digest.update(content)
        if self._md5:
            self._md5.update(content)
        with self._turned:
            self._turn += 1
            self._turned.notify_all()

    def _put(self, number: int, content: memoryview) -> Part:
        crc = isal_zlib.crc32(content)
        query = [("partNumber", str(number + 1)), ("uploadId", self.identity)]
        target, checksums = self._context.target, self._context.checksums
        # Over TLS, or where it is seen to be checked, the checksum is enough, as it is for other AWS tools.
        is_enough = self._checksums and (checksums.checked or not target.is_plain)
        headers = {_CRC: _base64(crc)} if self._checksums else {}
        if not is_enough:
            # Not every store checks a body against what was signed, or a CRC32; each checks this.
            headers["content-md5"] = base64.b64encode(
                hashlib.md5(content, usedforsecurity=False).digest()
            ).decode()
        response = target.call(
            "UploadPart",
            "PUT",
            self._key,
            query=query,
            headers=headers,
            body=content,
            digest=UNSIGNED if is_enough or target.is_plain else "",
        )
        response.skip()
        if received := response.headers.get(_CRC):
            if received != _base64(crc):
                raise IntegrityError("the target received something else than was sent")
            checksums.checked = True
        self._context.bytes_sent(len(content))
        return Part(strong(response.headers.get("etag", "")), crc, len(content))

    def complete(self, condition: Mapping[str, str]) -> str:
        """Make an object of the parts and return its ETag."""
        parts = "".join(
            f"<Part>{f'<ChecksumCRC32>{_base64(part.crc)}</ChecksumCRC32>' if self._checksums else ''}"
            f"<ETag>&#34;{part.etag}&#34;</ETag><PartNumber>{number}</PartNumber></Part>"
            for number, part in enumerate(self._parts, start=1)
        )
        body = (
            f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{parts}'
            "</CompleteMultipartUpload>"
        )
        target = self._context.target
        text = target.read(
            "CompleteMultipartUpload",
            "POST",
            self._key,
            query=[("uploadId", self.identity)],
            headers=condition,
            body=body.encode(),
        ).decode("utf-8", "replace")
        if "<Error>" in text:
            # A response that began well may still end in an error.
            raise refusal("CompleteMultipartUpload", 500, text)
        found = element(text, "ChecksumCRC32")
        # One of all bytes, not one of the parts' checksums, which ends in their number.
        if found and "-" not in found and found != _base64(self._whole_crc()):
            raise IntegrityError("the target made something else of its parts")
        return strong(element(text, "ETag"))

    def _whole_crc(self) -> int:
        crc = 0
        for part in self._parts:
            crc = isal_zlib.crc32_combine(crc, part.crc, part.size)
        return crc


def _all_of(futures: list[Future[Part]]) -> Iterator[Part]:
    """Yield all results once all have ended; raise the error that was the cause of the others."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    # An answer of a store says more than what did not fit together.
    for error in sorted(errors, key=_rank)[:1]:
        raise error
    yield from (future.result() for future in futures)


def _rank(error: BaseException) -> int:
    return isinstance(error, IntegrityError) + isinstance(error, _StoppedError)


def _give_back(buffers: Buffers, content: memoryview, _: object) -> None:
    buffers.give(content)


def _base64(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(4, "big")).decode()
