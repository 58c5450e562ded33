"""The object store: MinIO and the like with explicit keys, or S3 with the default AWS credential chain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from botocore import exceptions as botocore_errors
from botocore.config import Config

from bmii.errors import MissingObjectError, StorageError
from bmii.settings import Settings

KINDS = ("raw", "processed", "features", "artifacts")
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})


class S3StorageProvider:
    """Reads and writes the service's four buckets. ``kind`` is raw, processed, features or artifacts.

    With ``OBJECT_STORE_ENDPOINT`` the store is there, with the keys that are given; without it boto3 decides:
    ``AWS_ENDPOINT_URL``, the environment, the task's role. ``timeout`` (seconds, to connect and to read) and
    ``attempts`` bound each call.
    """

    def __init__(self, settings: Settings, *, timeout: float = 10.0, attempts: int = 3) -> None:
        self._settings = settings
        self._timeout = timeout
        self._attempts = attempts

    @cached_property
    def client(self) -> Any:
        """The boto3 client, made at first use: making it costs a tenth of a second."""
        import boto3  # noqa: PLC0415 - for the same reason

        settings = self._settings
        options: dict[str, Any] = {"region_name": settings.object_store_region}
        if settings.object_store_endpoint:
            scheme = "https" if settings.object_store_use_ssl else "http"
            options["endpoint_url"] = f"{scheme}://{settings.object_store_endpoint}"
        if settings.object_store_access_key and settings.object_store_secret_key:
            options["aws_access_key_id"] = settings.object_store_access_key
            options["aws_secret_access_key"] = settings.object_store_secret_key.get_secret_value()
        config = Config(
            connect_timeout=min(self._timeout, 3.0),
            read_timeout=self._timeout,
            retries={"mode": "standard", "total_max_attempts": self._attempts},
            # Stores that are not AWS know neither the newer checksums nor a bucket in the host name.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if settings.object_store_endpoint else "auto"},
        )
        with self._translated("client"):
            return boto3.session.Session().client("s3", config=config, **options)

    def bucket(self, kind: str) -> str:
        """Return the name of the bucket for ``kind``."""
        return self._settings.bucket(kind)

    def get(self, kind: str, key: str) -> bytes:
        """Return an object's bytes. Raises ``MissingObjectError`` if there is none."""
        with self._translated(f"{self.bucket(kind)}/{key}"):
            body: bytes = self.client.get_object(Bucket=self.bucket(kind), Key=key)["Body"].read()
            return body

    def put(
        self,
        kind: str,
        key: str,
        data: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Write an object with its SHA-256 among its user metadata, and return that digest (hexadecimal)."""
        digest = hashlib.sha256(data).hexdigest()
        with self._translated(f"{self.bucket(kind)}/{key}"):
            self.client.put_object(
                Bucket=self.bucket(kind),
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata={"sha256": digest, **(metadata or {})},
            )
        return digest

    def create_buckets(self) -> None:
        """Create those of the four buckets that are not there, in a store of one's own."""
        for kind in KINDS:
            try:
                self.check(kind)
            except MissingObjectError:
                with self._translated(f"the bucket {self.bucket(kind)}"):
                    self.client.create_bucket(Bucket=self.bucket(kind))

    def check(self, kind: str = "artifacts") -> None:
        """Raise ``StorageError`` unless the bucket for ``kind`` answers."""
        with self._translated(f"the bucket {self.bucket(kind)}"):
            self.client.head_bucket(Bucket=self.bucket(kind))

    @contextmanager
    def _translated(self, subject: str) -> Iterator[None]:
        """Raise botocore's errors as ours, about ``subject``; their text may name hosts, never keys."""
        try:
            yield
        except botocore_errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING:
                raise MissingObjectError(f"{subject} does not exist") from error
            raise StorageError(
                f"the object store refused {error.operation_name} on {subject} ({code})"
            ) from error
        except (botocore_errors.BotoCoreError, ValueError) as error:
            raise StorageError(f"the object store does not answer ({type(error).__name__})") from error
