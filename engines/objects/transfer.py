"""One object: read it, or carry it from one store to the other, hashing on the way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.endpoint import Store
from engines.objects.errors import TruncatedError
from engines.objects.listing import Entry, seconds
from engines.objects.manifest import Record, State

# What travels with an object, by the names of boto3's requests and answers.
_HEADERS = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl")
_READ = 1 << 20
# S3 takes at most so many parts of one object.
_MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an object carries beside its body. ``headers`` has boto3's names; empty ones are left out."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, dict[str, str]]:
        """Return plain data for a manifest."""
        parts = {"headers": self.headers, "metadata": self.metadata, "tags": self.tags}
        return {name: dict(sorted(part.items())) for name, part in parts.items() if part}

    def carried(self) -> Attributes:
        """Return what is written to the target.

        ``aws-chunked`` is how an upload was framed, not how the content is encoded; some stores keep it.
        """
        encodings = [part.strip() for part in self.headers.get("ContentEncoding", "").split(",")]
        kept = ",".join(part for part in encodings if part and part != "aws-chunked")
        headers = {name: value for name, value in self.headers.items() if name != "ContentEncoding"}
        return replace(self, headers=headers | ({"ContentEncoding": kept} if kept else {}))

    def request(self) -> dict[str, Any]:
        """Return the parameters of a request that writes an object with these attributes."""
        parameters: dict[str, Any] = {**self.headers, "Metadata": dict(self.metadata)}
        return parameters | ({"Tagging": urlencode(self.tags)} if self.tags else {})


@dataclass(frozen=True, slots=True)
class Opened:
    """An object whose body is being read. ``redirect``: it has a website redirect, which is not carried."""

    state: State
    attributes: Attributes
    body: Any
    redirect: bool = False

    def chunks(self, size: int) -> Iterator[bytearray]:
        """Yield the body in pieces of ``size`` bytes; the last may be shorter, an empty body is one piece.

        Raises ``TruncatedError`` when it ends early.
        """
        left = self.state.size
        while True:
            now = min(size, left)
            # Under no name here, so that a piece is freed as soon as its reader is done with it.
            yield self._exactly(now)
            left -= now
            if not left:
                return

    def _exactly(self, length: int) -> bytearray:
        whole, filled = bytearray(length), 0
        while filled < length:
            # In small reads, because the connection holds twice what is asked of it.
            piece = self.body.read(min(_READ, length - filled))
            if not piece:
                raise TruncatedError("its body ended before its announced length")
            whole[filled : filled + len(piece)] = piece
            filled += len(piece)
        return whole


@contextmanager
def opened(store: Store, key: str, etag: str = "") -> Iterator[Opened]:
    """Open an object for reading; with ``etag``, only if it still has it. Raises botocore's errors."""
    condition = {"IfMatch": f'"{etag}"'} if etag else {}
    answer = store.client.get_object(**store.where(key), **condition)
    with closing(answer["Body"]) as body:
        state = State(
            answer["ETag"].strip('"'), int(answer["ContentLength"]), seconds(answer["LastModified"])
        )
        tags = _tags(store, key) if answer.get("TagCount") else {}
        attributes = Attributes(_headers(answer), dict(answer.get("Metadata", {})), tags)
        yield Opened(state, attributes, body, redirect=bool(answer.get("WebsiteRedirectLocation")))


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    headers = {name: str(answer[name]) for name in _HEADERS if answer.get(name)}
    expires = answer.get("ExpiresString")
    if expires:
        try:
            headers["Expires"] = format_datetime(parsedate_to_datetime(expires), usegmt=True)
        except ValueError:
            headers["Expires"] = str(expires)
    return headers


def _tags(store: Store, key: str) -> dict[str, str]:
    answer = store.client.get_object_tagging(**store.where(key))
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


@dataclass(frozen=True, slots=True)
class Content:
    """What was found when an object was read from beginning to end."""

    state: State
    sha256: str
    attributes: Attributes


def read(store: Store, key: str) -> Content:
    """Read a whole object (in pieces of 1 MiB) and return what it is. Raises botocore's errors."""
    digest = hashlib.sha256()
    with opened(store, key) as found:
        for piece in found.chunks(_READ):
            digest.update(piece)
    return Content(found.state, digest.hexdigest(), found.attributes)


@dataclass(frozen=True, slots=True)
class Order:
    """One object to carry. ``onto``: the ETag of the target's object that it replaces, if there is one."""

    key: str
    size: int
    etag: str
    onto: str | None = None

    def to_data(self) -> list[Any]:
        """Return it as plain data for JSON."""
        return [self.key, self.size, self.etag, self.onto]

    @classmethod
    def from_data(cls, data: list[Any]) -> Order:
        """Return what ``to_data`` wrote."""
        return cls(*data)

    @classmethod
    def of(cls, source: Entry, target: Entry | None) -> Order:
        """Return the order to carry ``source`` to where ``target`` is now."""
        return cls(source.key, source.size, source.etag, target.etag if target else None)


@dataclass(frozen=True, slots=True)
class Carried:
    """An object that arrived, and whether it had a website redirect, which was left behind."""

    record: Record
    redirect: bool


def carry(
    source: Store, target: Store, order: Order, *, part_size: int, begun: Callable[[str, str], None]
) -> Carried:
    """Copy one object and return its proof.

    At most one part is in memory. The write happens only if the target still is as ``order`` says, and the
    target checks what it received against a digest. ``begun(key, upload id)`` is told of each multipart
    upload before its first part. Raises botocore's errors and ``TruncatedError``.
    """
    with opened(source, order.key, order.etag) as found:
        attributes, digest = found.attributes.carried(), hashlib.sha256()
        to = {**target.where(order.key)}
        condition = {"IfMatch": f'"{order.onto}"'} if order.onto else {"IfNoneMatch": "*"}
        if found.state.size <= part_size:
            (body,) = found.chunks(part_size)
            digest.update(body)
            answer = target.client.put_object(
                **to, **attributes.request(), **condition, Body=body, ContentMD5=_md5(body)
            )
        else:
            size = max(part_size, -(-found.state.size // _MOST_PARTS))
            upload = target.client.create_multipart_upload(**to, **attributes.request())["UploadId"]
            begun(order.key, upload)
            parts = found.chunks(size)
            answer = _send_parts(target, to | {"UploadId": upload}, parts, condition, digest)
            _make_sure_of_tags(target, order.key, attributes)
    state = State(answer["ETag"].strip('"'), found.state.size)
    record = Record(order.key, digest.hexdigest(), found.state, state, attributes.to_data())
    return Carried(record, found.redirect)


def _send_parts(
    target: Store, upload: dict[str, str], pieces: Iterator[bytearray], condition: dict[str, str], digest: Any
) -> Any:
    try:
        parts: list[dict[str, Any]] = []
        for piece in pieces:
            number = {"PartNumber": len(parts) + 1}
            digest.update(piece)
            sent = target.client.upload_part(**upload, **number, Body=piece, ContentMD5=_md5(piece))
            parts.append({**number, "ETag": sent["ETag"]})
            del piece  # before the next one is read
        return target.client.complete_multipart_upload(
            **upload, **condition, MultipartUpload={"Parts": parts}
        )
    except BaseException:
        abandon(target, upload["Key"], upload["UploadId"])
        raise


def _make_sure_of_tags(target: Store, key: str, attributes: Attributes) -> None:
    """Set the tags again where a store has ignored those of a multipart upload, as MiniStack does."""
    if attributes.tags and _tags(target, key) != attributes.tags:
        tags = [{"Key": name, "Value": value} for name, value in attributes.tags.items()]
        target.client.put_object_tagging(**target.where(key), Tagging={"TagSet": tags})


def abandon(target: Store, full_key: str, upload: str) -> None:
    """Give up a multipart upload of ours, if the target still has it; what it has received is freed."""
    # Tidying up must not hide what went wrong, nor fail a run: the bucket's lifecycle rule gets what is left.
    with suppress(BotoCoreError, ClientError):
        target.client.abort_multipart_upload(Bucket=target.endpoint.bucket, Key=full_key, UploadId=upload)


def _md5(body: bytearray) -> str:
    """Return what the store checks the received bytes against: for transport, not for proof."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
