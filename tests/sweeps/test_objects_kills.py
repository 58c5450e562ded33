"""A mirror is killed again and again, its stores crash: the same command finishes, and nothing goes twice."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.sweeps.objects_wire import Wire
from tests.sweeps.objects_world import Bucket, Pair, client, fill, store

KILLS = int(os.environ.get("SWEEP_KILLS", "30"))
SEED = int(os.environ.get("SWEEP_SEED", "4"))
OBJECTS, LARGE = 90, 2
# A mirror is killed so often before it may finish.
IN_A_ROW = 6


class Watched:
    """A pair whose target is reached over a wire, which knows what was written there and when."""

    def __init__(self, pair: Pair, wire: Wire) -> None:
        self.wire = wire
        self.pair = Pair(pair.source, pair.target.through(wire.endpoint), pair.folder)
        self.proven: set[str] = set()

    def disturbed(self, **options):
        """Start a run; what was proven before it must not be written again by it."""
        self._seen = len(self.wire.exchanges)
        return self.pair.start(**options)

    def ended(self, run):
        written = {one.key for one in self.wire.exchanges[self._seen :] if one.creates}
        assert not written & self.proven
        self.proven |= {event["key"] for event in run.told("object.copied")}

    def finish(self):
        run = self.disturbed()
        answer = run.answer()
        assert "msg" not in answer, answer["msg"]
        self.ended(run)
        self.pair.assert_whole()
        assert self.pair.run()["changed"] is False


@pytest.fixture(scope="module")
def source(old_buckets):
    """Return a bucket that every mirror here reads."""
    bucket = old_buckets()
    fill(bucket, OBJECTS, SEED, large=LARGE)
    return bucket


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(-(-KILLS // IN_A_ROW)))
def test_a_mirror_that_is_killed_again_and_again_is_finished_by_the_same_command(
    source, new_buckets, aws, tmp_path, number
):
    chance = random.Random(SEED * 1000 + number)
    with Wire(aws.port) as wire:
        watched = Watched(Pair(source, new_buckets(), tmp_path), wire)
        for kill in range(IN_A_ROW):
            run = watched.disturbed()
            if kill % 2:
                time.sleep(chance.uniform(0.2, 2.5))
            else:
                events = chance.randrange(1, 30)
                run.wait_for(lambda run, events=events: len(run.told("object.copied")) >= events)
            run.kill()
            watched.ended(run)
        watched.finish()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_store_that_crashes_and_comes_back_harms_nothing(object_pair, aws, tmp_path, side):
    pair = object_pair
    with store(tmp_path / "store") as crashing:
        other = client(crashing.at.endpoint, crashing.at.access_key, crashing.at.secret_key)
        other.create_bucket(Bucket="crash")
        keys = {"access_key": crashing.at.access_key, "secret_key": crashing.at.secret_key}
        bucket = Bucket("crash", {"endpoint": crashing.at.endpoint, "bucket": "crash", **keys}, other)
        if side == "source":
            pair = Pair(bucket, pair.target, tmp_path)
        else:
            pair = Pair(pair.source, bucket, tmp_path)
        fill(pair.source, OBJECTS, SEED, large=1)
        upstream = crashing.at.ports.s3 if side == "target" else aws.port
        with Wire(upstream) as wire:
            watched = Watched(pair, wire)
            for events in (3, 25):
                run = watched.disturbed()
                run.wait_for(lambda run, events=events: len(run.told("object.copied")) >= events)
                crashing.crash()
                time.sleep(0.5)
                crashing.start()
                answer = run.answer()
                assert answer.get("failed") in {None, True}
                assert "defect" not in answer.get("msg", ""), answer["msg"]
                watched.ended(run)
            watched.finish()
        other.close()
