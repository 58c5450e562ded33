"""One side of a copy: a bucket, where it is, and as whom to ask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config

from engines import aws
from engines.errors import ConfigurationError
from engines.references import resolve

_FIELDS = ("endpoint", "region", "access_key", "secret_key", "bucket", "prefix")
# Signing needs a region even where the store has none; every S3 store takes this one.
_ANY_REGION = "us-east-1"


@dataclass(frozen=True)
class Endpoint:
    """A bucket (and a prefix in it) of a store.

    Without ``endpoint`` and keys it is the environment's business (``AWS_ENDPOINT_URL``, the default chain of
    credentials). Keys are held here as values, never as references, and are not part of the representation.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.bucket:
            raise ConfigurationError(
                "no bucket is named", remedy="Set `bucket` of the source and of the target."
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise ConfigurationError(
                "only one of access_key and secret_key is given",
                subject=f"bucket {self.bucket}",
                remedy="Give both, or neither for the default chain of credentials.",
            )
        if self.endpoint and not _is_plain_url(self.endpoint):
            # The URL itself is not quoted: it may hold a password.
            raise ConfigurationError(
                "the endpoint is not a plain http(s) URL",
                subject=f"bucket {self.bucket}",
                remedy="Write it as http://host:port, with the keys in access_key and secret_key.",
            )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that a module's ``source`` or ``target`` describes, its references resolved.

        Unset options may be absent, None or empty. Raises ``ConfigurationError``.
        """
        values = {name: str(options.get(name) or "") for name in _FIELDS}
        for secret in ("access_key", "secret_key"):
            values[secret] = resolve(values[secret])
        return cls(**values)

    @property
    def name(self) -> str:
        """Return what to call it in messages and manifests: ``s3://bucket/prefix`` or ``http://host/bucket/prefix``."""
        root = (self.endpoint or _endpoint_of_environment()).rstrip("/") or "s3:/"
        return f"{root}/{self.bucket}/{self.prefix}".rstrip("/")

    def connect(self, jobs: int) -> Store:
        """Return the store, with connections for ``jobs`` objects at a time."""
        options: dict[str, Any] = {"config": self._config(jobs)}
        if self.endpoint:
            options["endpoint_url"] = self.endpoint
        if self.region or not _region_of_environment():
            options["region_name"] = self.region or _ANY_REGION
        if self.access_key:
            options |= {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        return Store(self, aws.client("s3", **options))

    def _config(self, jobs: int) -> Config:
        elsewhere = bool(self.endpoint or _endpoint_of_environment())
        return Config(
            # Reading an object's tags needs a second connection while its body is open.
            max_pool_connections=2 * jobs + 2,
            # Older MinIO answers the newer checksum headers with errors; we bring digests of our own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if elsewhere else "auto"},
        )


@dataclass(frozen=True)
class Store:
    """A connected side. ``client`` is a boto3 S3 client, safe to share between threads."""

    endpoint: Endpoint
    client: Any = field(repr=False)

    @property
    def name(self) -> str:
        """Return the endpoint's name."""
        return self.endpoint.name

    def where(self, key: str) -> dict[str, str]:
        """Return the request parameters that address the object whose relative key is ``key``."""
        return {"Bucket": self.endpoint.bucket, "Key": self.endpoint.prefix + key}


def _is_plain_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _region_of_environment() -> bool:
    return bool(
        os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_PROFILE")
    )


def _endpoint_of_environment() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
