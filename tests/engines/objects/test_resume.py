"""A mirror that is killed at any instant is finished by the same command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from engines.objects.compare import compare
from engines.objects.errors import LockedError
from engines.objects.manifest.records import Manifest

# So many listings in a row that are alike, half a second apart, show that nothing comes in any more.
QUIET = 5
# Says of every object when it is proven; of a large object the second part never arrives.
MIRROR = r"""
import json, os, sys, time
from pathlib import Path
from engines.objects.manifest import state as journal
from engines.objects.transfer import multipart
from engines.objects.s3.endpoint import Endpoint
from engines.objects.mirror import Options, mirror

source, target, manifest = json.loads(sys.stdin.readline())
prove, part = journal.MirrorState.prove, multipart.MultipartUpload._part

def aloud(state, record):
    prove(state, record)
    os.write(1, b"object.copied\n")

def slowly(upload, number, start, stop):
    if number:
        os.write(1, b"stopped\n")
        time.sleep(600)
    return part(upload, number, start, stop)

journal.MirrorState.prove, multipart.MultipartUpload._part = aloud, slowly
options = Options(jobs=2, part_size=5 << 20, manifest=Path(manifest))
mirror(Endpoint(**source), Endpoint(**target), options)
"""


def started(stage):
    process = subprocess.Popen(
        [sys.executable, "-c", MIRROR],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    sides = vars(stage.source.endpoint), vars(stage.target.endpoint)
    process.stdin.write(json.dumps([*sides, str(stage.manifest)]) + "\n")
    process.stdin.flush()
    return process


def killed(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()


def settled(side):
    """Return what a bucket lists once nothing comes in any more: a busy store serves requests of the dead."""
    seen = [side.listing()]
    while len(seen) < QUIET or any(one != seen[-1] for one in seen[-QUIET:]):
        time.sleep(0.5)
        seen.append(side.listing())
    return seen[-1]


@pytest.mark.parametrize("after", [1, 40, 110])
def test_a_killed_mirror_loses_nothing_proven_and_copies_nothing_twice(stage, after):
    for number in range(120):
        stage.source.put(f"object-{number:03}", str(number).encode() * 100)
    process = started(stage)
    for _ in range(after):
        assert process.stdout.readline() == "object.copied\n"
    killed(process)
    arrived = settled(stage.target)
    assert after <= len(arrived) <= 120
    outcome = stage.mirror()
    assert outcome.copied == 120 - len(arrived)
    now = stage.target.listing()
    assert {key: now[key] for key in arrived} == arrived
    assert len(list(Manifest(stage.manifest))) == 120
    assert compare(stage.source.endpoint, stage.target.endpoint).is_equal
    assert stage.mirror().copied == 0


def test_a_kill_inside_a_large_object_leaves_no_parts_behind(stage):
    stage.source.put("stop", b"x" * (12 << 20), ContentType="x/y")
    process = started(stage)
    assert process.stdout.readline() == "stopped\n"
    with pytest.raises(LockedError, match=f"process {process.pid} on"):
        stage.mirror()
    killed(process)
    uploads = {"Bucket": stage.target.endpoint.bucket}
    assert len(stage.target.client.list_multipart_uploads(**uploads)["Uploads"]) == 1
    assert stage.target.listing() == {}
    assert stage.mirror().copied == 1
    assert stage.target.client.list_multipart_uploads(**uploads).get("Uploads", []) == []
    assert stage.target.body("stop") == b"x" * (12 << 20)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6, 0.9])
def test_a_kill_at_any_moment_is_mended_by_the_same_command(stage, seconds):
    for number in range(60):
        stage.source.put(f"object-{number:03}", str(number).encode() * 100)
    process = started(stage)
    time.sleep(seconds)
    killed(process)
    assert stage.mirror().plan.count("differs") == 0
    assert compare(stage.source.endpoint, stage.target.endpoint, path=stage.manifest).is_equal
