"""``rclone serve s3`` is a source and a target: a store without tags and versions, whose names are paths."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rehearsal.process import free_ports
from tests.sweeps.objects_sandbox import PART, Bucket, BucketPair, client

KEY, SECRET = "rclone-key", "rclone-secret"
KEYS = ["plain.csv", "a b", "a+b", "100%", "a%20b", "dir/sub/x", "日本/é", "q&a;b=c", "UP/case", "up/Case"]


def ready(found):
    try:
        found.list_buckets()
    except EndpointConnectionError:
        return False
    return True


@pytest.fixture(scope="module")
def rclone(servers, tmp_path_factory):
    """Return how to make a bucket of ``rclone serve s3``: a folder of the disk."""
    root = tmp_path_factory.mktemp("rclone")
    port = free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    program = str(Path(sys.executable).parent / "rclone")
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", "--config", ""]
    found = client(endpoint, KEY, SECRET)
    with (root / "log").open("wb") as log:
        (root / "served").mkdir()
        process = subprocess.Popen(
            [program, "serve", "s3", *options, str(root / "served")], stdout=log, stderr=log
        )
        try:
            while not ready(found):
                assert process.poll() is None
                time.sleep(0.05)
            yield lambda: bucket(found, endpoint)
        finally:
            process.kill()
            process.wait()


def bucket(found, endpoint):
    with contextlib.suppress(ClientError):
        found.create_bucket(Bucket="served")
    option = {"endpoint": endpoint, "bucket": "served", "access_key": KEY, "secret_key": SECRET}
    return Bucket("served", option, found)


def fill(side):
    for number, key in enumerate(KEYS):
        side.put(
            key, f"{number} {key}".encode() * 50, ContentType="text/csv", Metadata={"number": str(number)}
        )
    side.put("large", bytes(range(256)) * ((2 * PART + 5120) // 256), ContentType="text/csv")


def held(side):
    """Return digest, type and metadata of each object; names of metadata have no case."""
    found = {}
    for key in side.listing():
        answer = side.client.get_object(Bucket=side.name, Key=key)
        metadata = {
            name.lower(): value for name, value in answer["Metadata"].items() if name.lower() != "mtime"
        }
        found[key] = (answer["Body"].read(), answer["ContentType"], metadata)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["source", "target"])
def test_rclone_serve_s3_is(way, rclone, new_buckets, tmp_path):
    sides = (rclone(), new_buckets())
    pair = BucketPair(*(sides if way == "source" else reversed(sides)), tmp_path)
    for key in pair.source.listing() + sides[0].listing():
        for side in sides:
            side.client.delete_object(Bucket=side.name, Key=key)
    fill(pair.source)
    answer = pair.run()
    assert "msg" not in answer, answer["msg"]
    assert held(pair.target) == held(pair.source)
    assert pair.run()["changed"] is False
    assert pair.run("s3_compare")["is_equal"]
