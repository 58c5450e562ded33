"""JSON documents in S3, written only if nobody else wrote them in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from engines import aws
from engines.ledger.errors import LedgerError

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404", "NotFound"})
_LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True)
class Document:
    """A JSON object and the ETag under which it was read; ``etag`` is empty when it does not exist yet."""

    body: dict[str, Any]
    etag: str = ""


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
        """Create the bucket: versioned, encrypted by default, closed to the public."""
        # us-east-1 is the one region that S3 does not accept as a location constraint.
        location = (
            {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        with aws.translated(f"state bucket {self.bucket}"):
            self._s3.create_bucket(Bucket=self.bucket, **location)
            self._s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
            self._s3.put_public_access_block(
                Bucket=self.bucket,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": True,
                    "BlockPublicPolicy": True,
                    "RestrictPublicBuckets": True,
                },
            )

    def read(self, key: str) -> Document:
        """Return the document at ``key``; an empty one when there is none, or no bucket yet."""
        try:
            with aws.translated(f"s3://{self.bucket}/{key}"):
                answer = self._s3.get_object(Bucket=self.bucket, Key=key)
                body = json.loads(answer["Body"].read())
        except aws.AwsError as error:
            if error.code in _MISSING:
                return Document({})
            raise
        except json.JSONDecodeError as error:
            raise LedgerError(
                "is not valid JSON",
                subject=f"s3://{self.bucket}/{key}",
                remedy="Restore the object's previous version: the state bucket is versioned.",
            ) from error
        return Document(body, answer["ETag"])

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
                return None
            raise
        return Document(body, answer["ETag"])

    def delete(self, key: str) -> None:
        """Delete ``key``; the bucket's versioning keeps what it held."""
        with aws.translated(f"s3://{self.bucket}/{key}"):
            self._s3.delete_object(Bucket=self.bucket, Key=key)
