"""Servers of other makers are a source and a target.

``rclone serve s3`` has no tags and versions, and its names are paths; moto's server has all that AWS has.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rehearsal.process import free_ports
from tests.sweeps.objects_sandbox import PART, Bucket, BucketPair, patient

KEY, SECRET = "other-key", "other-secret"
KEYS = ["plain.csv", "a b", "a+b", "100%", "a%20b", "dir/sub/x", "日本/é", "q&a;b=c", "UP/case", "up/Case"]
ODD = ["a//b", "./c", "/first", "folder/", "x/../y", "a\tb"]


def ready(found):
    try:
        found.list_buckets()
    except EndpointConnectionError:
        return False
    return True


def rclone(port, root):
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", "--config", ""]
    return ["rclone", "serve", "s3", *options, str(root)]


def moto(port, _):
    return ["moto_server", "-H", "127.0.0.1", "-p", str(port)]


@pytest.fixture(scope="module", params=[rclone, moto])
def other_bucket(request, servers, tmp_path_factory):
    """Return a bucket of a server of another maker."""
    folder, port = tmp_path_factory.mktemp("other"), free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    program, *arguments = request.param(port, folder / "served")
    found = patient(endpoint, (KEY, SECRET))
    with (folder / "log").open("wb") as log:
        (folder / "served").mkdir()
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / program), *arguments], stdout=log, stderr=log
        )
        try:
            while not ready(found):
                assert process.poll() is None
                time.sleep(0.05)
            with contextlib.suppress(ClientError):
                found.create_bucket(Bucket="served")
            option = {"endpoint": endpoint, "bucket": "served", "access_key": KEY, "secret_key": SECRET}
            yield Bucket("served", option, found)
        finally:
            process.kill()
            process.wait()


def fill(side, *, is_like_aws):
    for number, key in enumerate([*KEYS, *(ODD if is_like_aws else [])]):
        kept = {"ContentType": "text/csv", "Metadata": {"number": str(number)}}
        if is_like_aws:
            kept |= {"Tagging": f"number={number}", "CacheControl": "no-store"}
        side.put(key, f"{number} {key}".encode() * 50, **kept)
    side.put("large", bytes(range(256)) * ((2 * PART + 5120) // 256), ContentType="text/csv")


def held(side):
    """Return digest, type and metadata of each object; names of metadata have no case."""
    found = {}
    for key in side.listing():
        answer = side.client.get_object(Bucket=side.name, Key=key)
        metadata = {
            name.lower(): value for name, value in answer["Metadata"].items() if name.lower() != "mtime"
        }
        found[key] = (answer["Body"].read(), answer["ContentType"], answer.get("CacheControl"), metadata)
    return found


def tags(side):
    asked = ((key, side.client.get_object_tagging(Bucket=side.name, Key=key)) for key in side.listing())
    return {key: answer["TagSet"] for key, answer in asked}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["source", "target"])
def test_a_server_of_another_maker_is(request, way, other_bucket, new_buckets, tmp_path):
    sides = (other_bucket, new_buckets())
    pair = BucketPair(*(sides if way == "source" else reversed(sides)), tmp_path)
    for key in pair.source.listing() + sides[0].listing():
        for side in sides:
            side.client.delete_object(Bucket=side.name, Key=key)
    is_like_aws = request.node.callspec.params["other_bucket"] is moto
    fill(pair.source, is_like_aws=is_like_aws)
    answer = pair.run()
    assert "msg" not in answer, answer["msg"]
    assert held(pair.target) == held(pair.source)
    assert not is_like_aws or tags(pair.target) == tags(pair.source)
    assert pair.run()["changed"] is False
    assert pair.run("s3_compare")["is_equal"]
