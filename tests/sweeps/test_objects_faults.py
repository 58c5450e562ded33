"""Stores that throttle, fail, cut off and lose answers: each mirror converges, and both sides are equal."""

from __future__ import annotations

import random
import threading

import pytest

from tests.stress import SEED, some
from tests.sweeps.objects_sandbox import BucketPair, fill, microburst
from tests.sweeps.objects_wire import Wire

OBJECTS = 60
# So often the same command is given before it has to be done. Each fault meets one request in so many.
TRIES = 6

ERRORS = {
    "slow down": {"error": {"code": "SlowDown", "status": 503}},
    "throttled": {"error": {"code": "ThrottlingException", "status": 429}},
    "internal error": {"error": {"code": "InternalError", "status": 500}},
    "unavailable": {"error": {"code": "ServiceUnavailable", "status": 503}},
    "reset": {"reset": True},
    "a body cut short": {"response": {"truncate_frac": 0.5}},
    "a body cut off": {"response": {"abort_frac": 0.5}},
    "an upload cut off": {"request": {"cut_upload": {"after_bytes": 1000}}},
}


def converged(pair):
    """Give the same command until it is done; say in which try it was."""
    for number in range(1, TRIES + 1):
        answer = pair.run()
        assert "defect" not in answer.get("msg", ""), answer["msg"]
        assert "minioadmin" not in answer["text"]
        if not answer.get("failed"):
            return number
    raise AssertionError(answer["msg"])


@pytest.fixture(scope="module")
def source(old_buckets):
    """Return a bucket that every mirror here reads."""
    bucket = old_buckets()
    fill(bucket, OBJECTS, SEED, large=3)
    return bucket


@pytest.fixture(scope="module", params=["source", "target"])
def faulty(request, object_store, aws, tmp_path_factory):
    """Return the side that has faults, the address of the proxy that makes them, and how to choose them."""
    real = object_store.ports.s3 if request.param == "source" else aws.port
    with Wire(real) as wire, microburst(wire.endpoint, tmp_path_factory.mktemp("faults")) as (port, rules):
        wire.host = f"127.0.0.1:{port}"  # which is what was signed
        yield request.param, f"http://{wire.host}", rules


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", some([*ERRORS], 3))
def test_a_store_with_faults_of_aws(source, new_buckets, faulty, tmp_path, fault):
    side, address, rules = faulty
    ends = {"source": source, "target": new_buckets()}
    ends[side] = ends[side].through(address)
    pair = BucketPair(ends["source"], ends["target"], tmp_path)
    rules([{"service": "s3", "probability": 0.1, **ERRORS[fault]}])
    converged(pair)
    rules([])
    assert pair.run()["changed"] is False
    # An upload whose answer was cut has an id that we never learn: a bucket's lifecycle rule ends it.
    cut = side == "target" and fault in {"a body cut short", "a body cut off"}
    pair.assert_whole(uploads=10 if cut else 0)


class Chance:
    """Cuts one exchange in ``one_in``, where asked to."""

    def __init__(self, seed, one_in, wanted):
        self._chance, self._one_in, self._wanted = random.Random(seed), one_in, wanted
        self._lock = threading.Lock()
        self.fired, self.most = 0, 10**9

    def __call__(self, exchange):
        with self._lock:
            if self.fired < self.most and self._wanted(exchange) and not self._chance.randrange(self._one_in):
                self.fired += 1
                return "reset"
            return ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", ["put", "multipart", "read"])
def test_an_answer_that_is_lost_after_the_store_has_done_its_work(source, new_buckets, aws, tmp_path, case):
    wanted = {
        "put": lambda one: one.method == "PUT" and not one.query,
        "multipart": lambda one: bool({"uploads", "uploadId"} & one.query.keys()),
        "read": lambda one: one.method == "GET",
    }[case]
    loses = Chance(SEED, 3 if case == "multipart" else 8, wanted)
    port = int(source.option["endpoint"].rpartition(":")[2])
    with Wire(port) as reading, Wire(aws.port) as writing:
        (reading if case == "read" else writing).after = loses
        ends = source.through(reading.endpoint), new_buckets().through(writing.endpoint)
        pair = BucketPair(*ends, tmp_path)
        converged(pair)
        assert loses.fired > 3
        loses.fired = loses.most = 0
        assert pair.run()["changed"] is False
        # An upload whose answer was lost has an id that we never learn: a bucket's lifecycle rule ends it.
        begun = [one for one in writing.exchanges if one.lost and "uploads" in one.query]
        pair.assert_whole(uploads=len(begun))
        # A write whose answer was lost had happened: it is found out, not done again. (Of parts that a
        # store has already put together it no longer knows, so a large object may be sent again.)
        small = [key for key in writing.created() if not key.startswith("large/")]
        assert len(small) == OBJECTS
