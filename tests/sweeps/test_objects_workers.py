"""Many mirrors at once: one goes on, the others say who holds the lock, and no object is harmed."""

from __future__ import annotations

import re
from collections import Counter

from tests.sweeps.objects_sandbox import Bucket, BucketPair, fill
from tests.sweeps.objects_wire import Wire

WORKERS = 8
OBJECTS = 120


def test_the_same_mirror_started_eight_times_runs_once(object_pair, aws):
    fill(object_pair.source, OBJECTS, 5, large=1)
    # Slow enough that the first is at work until the last has come.
    with Wire(aws.port, rate=3_000_000) as wire:
        pair = BucketPair(object_pair.source, object_pair.target.through(wire.endpoint), object_pair.folder)
        runs = [pair.start() for _ in range(WORKERS)]
        answers = {run.pid: run.answer() for run in runs}
        winners = [pid for pid, answer in answers.items() if answer.get("copied")]
        assert len(winners) == 1
        for pid, answer in answers.items():
            if pid not in winners:
                assert re.search(
                    rf"another mirror is at work on it \(process {winners[0]} on \S+\)", answer["msg"]
                )
        assert Counter(wire.created()).most_common(1)[0][1] == 1
    object_pair.number = pair.number
    assert object_pair.target.everything() == object_pair.source.everything()


def test_eight_machines_with_proofs_of_their_own_harm_no_object(object_pair):
    fill(object_pair.source, OBJECTS, 6, large=1)
    pairs = [BucketPair(object_pair.source, object_pair.target, object_pair.folder) for _ in range(WORKERS)]
    folders = [pair.folder / f"machine-{pair.number}" for pair in pairs]
    for folder in folders:
        folder.mkdir()  # where a machine has its locks
    runs = [pair.start(environment={"TMPDIR": str(one)}) for pair, one in zip(pairs, folders, strict=True)]
    answers = [run.answer() for run in runs]
    # Whoever finds that another was quicker looks at what it wrote, which is the same.
    assert [answer.get("msg") for answer in answers] == [None] * WORKERS
    for pair in (pairs[0], pairs[-1]):
        pair.assert_whole()
        assert pair.run()["changed"] is False


def test_eight_mirrors_share_a_bucket_by_prefix(object_pair):
    fill(object_pair.source, OBJECTS, 7)
    pairs = []
    for number in range(4):
        prefix = {"prefix": f"part-{number}/"}
        sides = [
            Bucket(one.name, {**one.option, **prefix}, one.client)
            for one in (object_pair.source, object_pair.target)
        ]
        pairs.append(BucketPair(*sides, object_pair.folder))
    runs = [pair.start() for pair in pairs for _ in range(WORKERS // 4)]
    answers = [run.answer() for run in runs]
    assert sum(answer.get("copied", 0) for answer in answers) == OBJECTS
    assert object_pair.target.everything() == object_pair.source.everything()
