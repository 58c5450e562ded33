"""A mirror is killed again and again, its stores crash: the same command finishes, and nothing goes twice."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.stress import SEED, size
from tests.sweeps.objects_sandbox import Bucket, BucketPair, fill, patient, store
from tests.sweeps.objects_wire import Wire

KILLS = size(sample=6, full=300)
OBJECTS, LARGE = 90, 2
# A mirror is killed so often before it may finish.
IN_A_ROW = 6


class Watched:
    """A pair whose target is reached over a wire, which knows what was written there and when."""

    def __init__(self, pair: BucketPair, wire: Wire) -> None:
        self.wire = wire
        self.pair = BucketPair(pair.source, pair.target.through(wire.endpoint), pair.folder)
        self._arrived: set[str] = set()

    def created(self):
        """Return how many objects were made since the run was started."""
        return sum(one.creates for one in self.wire.exchanges[self._start :])

    def start(self):
        self._start = len(self.wire.exchanges)
        return self.pair.start()

    def ended(self):
        """Nothing that had arrived before the run was sent by it, not even in vain."""
        exchanges = self.wire.exchanges[self._start :]
        assert not {one.key for one in exchanges if one.sends} & self._arrived
        self._arrived |= {one.key for one in exchanges if one.creates}

    def finish(self, uploads=0):
        answer = self.start().answer()
        assert "msg" not in answer, answer["msg"]
        self.ended()
        self.pair.assert_whole(uploads=uploads)
        assert self.pair.run()["changed"] is False
        assert Counter(self.wire.created()).most_common(1)[0][1] == 1


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
        watched = Watched(BucketPair(source, new_buckets(), tmp_path), wire)
        for kill in range(IN_A_ROW):
            run = watched.start()
            if kill % 2:
                time.sleep(chance.uniform(0.0, 1.5))
            else:
                objects = chance.randrange(1, 20)
                run.wait_for(lambda objects=objects: watched.created() >= objects)
            run.kill()
            watched.ended()
        watched.finish()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_store_that_crashes_and_comes_back_harms_nothing(object_pair, aws, tmp_path, side):
    pair = object_pair
    with store(tmp_path / "store") as crashing:
        other = patient(crashing.at.endpoint, (crashing.at.access_key, crashing.at.secret_key))
        other.create_bucket(Bucket="crash")
        keys = {"access_key": crashing.at.access_key, "secret_key": crashing.at.secret_key}
        bucket = Bucket("crash", {"endpoint": crashing.at.endpoint, "bucket": "crash", **keys}, other)
        if side == "source":
            pair = BucketPair(bucket, pair.target, tmp_path)
        else:
            pair = BucketPair(pair.source, bucket, tmp_path)
        fill(pair.source, OBJECTS, SEED, large=1)
        upstream = crashing.at.ports.s3 if side == "target" else aws.port
        with Wire(upstream) as wire:
            watched = Watched(pair, wire)
            for objects in (3, 25):
                run = watched.start()
                run.wait_for(lambda objects=objects: watched.created() >= objects)
                crashing.crash()
                time.sleep(0.5)
                crashing.start()
                answer = run.answer()
                assert "defect" not in answer.get("msg", ""), answer["msg"]
                watched.ended()
            # An upload that a store had begun when it crashed has an id that we never learn.
            lost = [one for one in wire.exchanges if "uploads" in one.query and not one.status]
            watched.finish(uploads=len(lost))
        other.close()
