"""Progress is heard of often enough, with rates and the seconds that are left."""

from __future__ import annotations

from types import SimpleNamespace

from engines.postgres.catalog.chunks import Chunk
from engines.postgres.catalog.relations import Table
from engines.postgres.copy.progress.counts import EVERY_BYTES, Progress
from engines.postgres.plan.clone_plan import TablePlan

TABLE = Table("s", "t", (), rows=4, bytes=4 * EVERY_BYTES)
PARTS = (Chunk(0, 0, 1, 2 * EVERY_BYTES), Chunk(1, 1, None, 2 * EVERY_BYTES))


class Stage:
    def __init__(self):
        self.now, self.events = 100.0, []
        self.progress = Progress([TablePlan(TABLE, "copy", PARTS)], self.emit, clock=lambda: self.now)

    def emit(self, kind, **fields):
        self.events.append((kind, fields))

    def last(self, kind):
        return [fields for found, fields in self.events if found == kind][-1]


def test_a_table_starts_once_and_is_copied_when_its_last_part_is_in():
    stage = Stage()
    for part in PARTS:
        stage.progress.started(TABLE)
        stage.progress.landed(TABLE, part, 2)
    assert [kind for kind, _ in stage.events] == ["table.started", "table.copied"]
    assert stage.last("table.copied")["rows"] == 4
    assert stage.progress.counts(TABLE.key) == (4, 0)


def test_an_event_after_a_second_or_sixteen_megabytes_and_not_before():
    stage = Stage()
    stage.progress.started(TABLE)
    stage.progress.streamed(TABLE, 1000)
    assert len(stage.events) == 1
    stage.now += 1
    stage.progress.streamed(TABLE, 1000)
    assert [kind for kind, _ in stage.events[1:]] == ["table.moving", "clone.progress"]
    stage.progress.streamed(TABLE, EVERY_BYTES)
    assert len(stage.events) == 5
    table, whole = stage.last("table.moving"), stage.last("clone.progress")
    assert table["bytes"] == whole["bytes"] == EVERY_BYTES + 2000
    assert table["rate"] == EVERY_BYTES + 2000
    assert 2 < table["seconds_left"] < 3


def test_the_time_left_is_that_of_the_estimate_and_the_share_never_falls():
    stage = Stage()
    left = iter([30.0, 6.0, 90.0])
    stage.progress.expect(SimpleNamespace(left=lambda now, streamed: next(left)))
    stage.progress.started(TABLE)
    shares = []
    for _ in range(3):
        stage.now += 2
        stage.progress.steps(3, 8)
        shares.append(stage.last("clone.progress")["share"])
    whole = stage.last("clone.progress")
    assert (whole["steps"], whole["of_steps"], whole["seconds_left"]) == (3, 8, 90.0)
    assert shares == [round(2 / 32, 4), 0.4, 0.4]
