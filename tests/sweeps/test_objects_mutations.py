"""Whatever the way to a store does to what passes: a mirror that ends well has lost and changed nothing.

The way is plain HTTP, so nothing below notices. Over TLS a changed byte ends the connection.
"""

from __future__ import annotations

import contextlib
import random

import pytest

from engines.errors import EngineError
from engines.objects import Endpoint, Options, mirror
from engines.objects.errors import TargetRefusedError
from engines.objects.s3 import client, object_times
from tests.stress import SEED, size
from tests.sweeps.objects_mutator import Mutator
from tests.sweeps.objects_sandbox import PART

RUNS = size(sample=16, full=500)
PREFIX = "bucket/"
NEVER = 1 << 60


def quiet(*_, **__):
    pass


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait for nothing: what is damaged is so by chance, not by load."""
    monkeypatch.setattr(object_times, "WAIT", 0.01)
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.05)


def fill(bucket):
    """Put a few objects of every kind into a bucket; the prefix is the engine's, each run has a target."""
    chance = random.Random(SEED)
    metadata = {"assay": "kinase-7", "batch": "one two"}
    for number in range(3):
        bucket.put(f"{PREFIX}small {number}", chance.randbytes(900), Metadata=metadata)
    bucket.put(
        f"{PREFIX}tags",
        b"tagged",
        Tagging="stage=raw&owner=a+b",
        ContentType="text/csv",
        CacheControl="no-store",
    )
    bucket.put(f"{PREFIX}empty", b"", ContentType="text/x-empty")
    bucket.put(f"{PREFIX}a+b%20c", chance.randbytes(70_000))
    bucket.put(f"{PREFIX}large", chance.randbytes(PART + 70_000), Metadata=metadata)


def known(bucket, prefix):
    return {key.removeprefix(prefix): bucket.known(key) for key in bucket.listing() if key.startswith(prefix)}


@pytest.fixture(scope="module", params=["source", "target"])
def ends(request, old_buckets, new_buckets, object_store, aws):
    """Return the damaged side, its port, and both buckets. That side is a store that checks signatures."""
    makers = (old_buckets, new_buckets) if request.param == "source" else (new_buckets, old_buckets)
    source, target = (make() for make in makers)
    fill(source)
    return request.param, object_store.ports.s3, source, target, known(source, PREFIX)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(RUNS))
def test_nothing_is_lost_in_silence(ends, number, tmp_path):
    side, port, source, target, there = ends
    prefix = f"run-{number}/"
    with Mutator(port, f"{SEED}-{number}", one_in=random.Random(number).choice([3, 8, 20])) as mutator:
        options = {
            "source": {**source.option, "prefix": PREFIX},
            "target": {**target.option, "prefix": prefix},
        }
        options[side]["endpoint"] = mutator.endpoint
        endpoints = [Endpoint.from_options(options[name]) for name in ("source", "target")]
        plan = Options(part_size=PART, manifest=tmp_path / "manifest")
        try:
            mirror(*endpoints, plan, emit=quiet)
        except EngineError as error:
            said = str(error)
        else:
            said = ""
            assert known(target, prefix) == there, mutator.done
        if said:
            # What was damaged is named; the same command ends it once the way is good, or names what it may
            # not overwrite: an object of which nobody knows any more who wrote it.
            mutator.one_in = NEVER
            with contextlib.suppress(TargetRefusedError):
                mirror(*endpoints, plan, emit=quiet)
                assert known(target, prefix) == there, (said, mutator.done)
