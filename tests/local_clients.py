"""Clients of what listens here: an object store, or the rehearsal's account."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


def client(
    endpoint: str, keys: tuple[str, str] = ("test", "test"), *, service: str = "s3", **config: Any
) -> Any:
    """Return a client that depends on nothing in the environment; ``keys`` are access and secret key."""
    access_key, secret_key = keys
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, **config),
    )
