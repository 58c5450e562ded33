"""What the benchmark runs in a process of its own: ``python -m bench.objects_run HOW ORDER.json``.

The order holds ``source`` and ``target`` as the modules take them, and ``manifest``, a path or nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Each way loads only what it needs, since its memory and its start are measured; so imports stand inside.
# ruff: noqa: PLC0415

Order = Mapping[str, Any]
_THREADS = 32


def _mirror(order: Order) -> None:
    from engines.objects import Endpoint, Options, mirror

    source, target = (Endpoint.from_options(order[side]) for side in ("source", "target"))
    mirror(source, target, Options(manifest=Path(order["manifest"])))


def _compare(order: Order) -> None:
    from engines.objects import Endpoint, compare

    source, target = (Endpoint.from_options(order[side]) for side in ("source", "target"))
    if not compare(source, target, mode="content").is_equal:
        raise SystemExit("the sides are not equal")


def _audit(order: Order) -> None:
    from engines.objects import Endpoint, compare

    target = Endpoint.from_options(order["target"])
    if not compare(None, target, mode="content", path=Path(order["manifest"])).is_equal:
        raise SystemExit("the target is not as the manifest says")


def _boto3(order: Order) -> None:
    """Copy with boto3's managed transfers, in threads: a body is written while it is read."""
    source, target = _client(order["source"]), _client(order["target"])
    here, there = order["source"]["bucket"], order["target"]["bucket"]

    def copy(key: str) -> None:
        found = source.get_object(Bucket=here, Key=key)
        kept = {"Metadata": found["Metadata"], "ContentType": found["ContentType"]}
        target.upload_fileobj(found["Body"], there, key, ExtraArgs=kept)

    pages = source.get_paginator("list_objects_v2").paginate(Bucket=here)
    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(copy, (one["Key"] for page in pages for one in page["Contents"])):
            pass


def _client(side: Mapping[str, str]) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=side["endpoint"],
        aws_access_key_id=side["access_key"],
        aws_secret_access_key=side["secret_key"],
        region_name="us-east-1",
        config=Config(max_pool_connections=2 * _THREADS),
    )


_WAYS: dict[str, Callable[[Order], None]] = {
    "mirror": _mirror,
    "compare": _compare,
    "audit": _audit,
    "boto3": _boto3,
}

if __name__ == "__main__":
    _WAYS[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
