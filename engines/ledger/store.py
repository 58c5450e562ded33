"""JSON documents in S3, written only if nobody else wrote them in between."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from engines import aws
from engines.ledger import shape
from engines.ledger.errors import LedgerError

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True)
class Document:
    """A JSON object and the ETag under which it was read; ``etag`` is empty when it does not exist yet.

    ``now`` is when it was read and ``age`` how long ago it was written, in seconds, both by the store's
    clock, since the clocks of two machines need not agree.
    """

    body: dict[str, Any]
    etag: str = ""
    now: float = 0.0
    age: float = 0.0


class Store:
    """The state bucket. Every write is conditional, so that two writers cannot undo each other's work."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._s3 = aws.client("s3")

    def exists(self) -> bool:
        """Whether the bucket is there; raises ``AwsError`` when it may not be used."""
        try:
            with aws.translated(f"state bucket {self.bucket}"):
                self._s3.head_bucket(Bucket=self.bucket)
        except aws.AwsError as error:
            if error.code in _MISSING:
                return False
            raise
        return True

    def create(self, region: str) -> None:
        """Create the bucket. ``secure`` it before anything is written."""
        # us-east-1 is the one region that S3 does not accept as a location constraint.
        location = (
            {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        try:
            with aws.translated(f"state bucket {self.bucket}"):
                self._s3.create_bucket(Bucket=self.bucket, **location)
        except aws.AwsError as error:
            # A creation whose answer was lost is tried again, and meets itself.
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def secure(self, tags: Mapping[str, str] | None = None) -> None:
        """Put ``tags``, keep every version, encrypt what is written, and let nobody from outside in."""
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        tag_set = [{"Key": key, "Value": value} for key, value in {**self.tags(), **(tags or {})}.items()]
        with aws.translated(f"state bucket {self.bucket}"):
            if tags:  # first: a bucket that holds something has them
                self._s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": tag_set})
            self._s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
            self._s3.put_bucket_encryption(
                Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
            )
            self._s3.put_public_access_block(
                Bucket=self.bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True)
            )

    def is_empty(self) -> bool:
        """Return whether the bucket holds no object."""
        with aws.translated(f"state bucket {self.bucket}"):
            return not self._s3.list_objects_v2(Bucket=self.bucket, MaxKeys=1).get("KeyCount")

    def tags(self) -> dict[str, str]:
        """Return the bucket's tags; none when it has none, or is not there."""
        try:
            with aws.translated(f"state bucket {self.bucket}"):
                found = self._s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"]
        except aws.AwsError as error:
            if error.code in {*_MISSING, "NoSuchTagSet"}:
                return {}
            raise
        return {one["Key"]: one["Value"] for one in found}

    def read(self, key: str) -> Document:
        """Return the document at ``key``; an empty one when there is none, or no bucket yet."""
        try:
            with aws.translated(f"s3://{self.bucket}/{key}"):
                answer = self._s3.get_object(Bucket=self.bucket, Key=key)
                body = json.loads(answer["Body"].read())
        except aws.AwsError as error:
            if error.code in _MISSING:
                return Document({}, now=time.time())
            raise
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise LedgerError(
                "is not valid JSON",
                subject=f"s3://{self.bucket}/{key}",
                remedy="Restore the object's previous version: the state bucket is versioned.",
            ) from error
        shape.check(self.bucket, key, body)
        now = _now(answer)
        return Document(body, answer["ETag"], now, max(0.0, now - answer["LastModified"].timestamp()))

    def write(self, key: str, body: dict[str, Any], *, replacing: Document) -> Document | None:
        """Write ``body`` if ``key`` still holds ``replacing``; return None when somebody else was faster."""
        condition = {"IfMatch": replacing.etag} if replacing.etag else {"IfNoneMatch": "*"}
        data = json.dumps(body, indent=2, sort_keys=True).encode()
        try:
            with aws.translated(f"s3://{self.bucket}/{key}"):
                answer = self._s3.put_object(
                    Bucket=self.bucket, Key=key, Body=data, ContentType="application/json", **condition
                )
        except aws.AwsError as error:
            cause = error.__cause__
            status = (
                cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
                if isinstance(cause, ClientError)
                else None
            )
            if error.code in _LOST_RACE or status in {409, 412}:
                return self._own_write(key, json.loads(data), replacing)
            raise
        return Document(body, answer["ETag"], _now(answer))

    def _own_write(self, key: str, body: dict[str, Any], replacing: Document) -> Document | None:
        """Return what ``key`` holds if it is what was written: the first answer to that was lost."""
        found = self.read(key)
        return found if found.etag != replacing.etag and found.body == body else None

    def newest(self, prefix: str, count: int) -> list[Document]:
        """Return the ``count`` documents below ``prefix`` whose keys sort last, the last one first."""
        return [self.read(key) for key in sorted(self.keys(prefix), reverse=True)[:count]]

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below ``prefix``; none where there is no bucket."""
        keys: list[str] = []
        try:
            with aws.translated(f"s3://{self.bucket}/{prefix}"):
                for page in self._s3.get_paginator("list_objects_v2").paginate(
                    Bucket=self.bucket, Prefix=prefix
                ):
                    keys += [entry["Key"] for entry in page.get("Contents", [])]
        except aws.AwsError as error:
            if error.code not in _MISSING:
                raise
        return keys

    def content(self, key: str) -> bytes:
        """Return what is stored at ``key``, as it is."""
        with aws.translated(f"s3://{self.bucket}/{key}"):
            return bytes(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def add(self, key: str, path: Path) -> bool:
        """Store a file at ``key`` unless something is there; return whether it was stored."""
        try:
            with aws.translated(f"s3://{self.bucket}/{key}"), path.open("rb") as body:
                self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        except aws.AwsError as error:
            if error.code in _LOST_RACE:
                return False
            raise
        return True


def _now(answer: dict[str, Any]) -> float:
    """When the store answered, by its own clock."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    moment: datetime | None = parsedate_to_datetime(date) if date else None
    return moment.timestamp() if moment else time.time()
