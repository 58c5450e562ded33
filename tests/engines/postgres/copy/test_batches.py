"""Small steps are joined, in an order that still holds, and nothing is lost or done twice."""

from __future__ import annotations

import random

import pytest

from engines.postgres.catalog.chunks import Chunk
from engines.postgres.catalog.relations import Column, Table
from engines.postgres.copy.batches import join
from engines.postgres.copy.copy_statements import TableChunk
from engines.postgres.copy.scheduler import Scheduler, Task
from engines.postgres.copy.task_graph import SMALL, Analyze, CopyRows, RunScript, RunScripts
from engines.postgres.plan.trigger_switch import TRIGGERS_ON, TriggerSwitch


def rows(name, *after, cost=10, triggers=TRIGGERS_ON):
    table = Table("s", name, (Column("id"),), bytes=cost)
    work = CopyRows((TableChunk(table, Chunk(), triggers),))
    return Task(f"rows {name}", work, cost, frozenset(after), {table.key: "write"})


def script(name, *after, cost=10, lock="own", of=""):
    work = RunScripts((RunScript(name, f"make {name}"),))
    return Task(name, work, cost, frozenset(after), {("s", of or name): lock})


def done(work):
    """Return what a piece of work does, by name."""
    if isinstance(work, CopyRows):
        return [f"rows {part.table.name}" for part in work.parts]
    if isinstance(work, RunScripts):
        return [one.what for one in work.scripts]
    return [f"statistics {name}" for _, name in work.tables]


def order(steps):
    schedule, found = Scheduler(steps), []
    while (one := schedule.take()) is not None:
        schedule.finish(one)
        found.append(done(one.work))
    assert schedule.finished
    return found


def test_small_tables_are_copied_together_then_indexed_together():
    numbers = range(40)
    steps = [rows(f"t{n}") for n in numbers]
    steps += [script(f"i{n}", f"rows t{n}", lock="build", of=f"t{n}") for n in numbers]
    found = order(join(steps, jobs=2))
    assert [len(one) for one in found] == [10] * 8
    assert sorted(name for one in found[:4] for name in one) == sorted(f"rows t{n}" for n in numbers)


def test_what_is_large_or_switches_triggers_off_stays_alone():
    off = TriggerSwitch(("ALTER TABLE … DISABLE TRIGGER t",), ("ALTER TABLE … ENABLE TRIGGER t",))
    steps = [rows("a"), rows("large", cost=SMALL + 1), rows("b"), rows("noisy", triggers=off)]
    assert sorted(order(join(steps, jobs=1))) == [["rows a", "rows b"], ["rows large"], ["rows noisy"]]


def test_no_batch_is_larger_than_is_quickly_done_again():
    steps = [rows(f"t{n}", cost=SMALL) for n in range(40)]
    assert max(len(one) for one in order(join(steps, jobs=1))) == 16


def test_a_batch_has_the_locks_of_all_and_the_stricter_one_where_they_differ():
    one = Task("x", Analyze((("s", "t"),)), 1, frozenset(), {("s", "t"): "tend"})
    other = Task("y", Analyze((("s", "t"),)), 1, frozenset(), {("s", "t"): "build", ("s", "u"): "tend"})
    (joined,) = join([one, other], jobs=1)
    assert joined.locks == {("s", "t"): "own", ("s", "u"): "tend"}


@pytest.mark.parametrize("seed", range(60))
def test_any_order_of_steps_is_kept(seed):
    """Marks, large and small steps in random dependence: each is done once, after all that it waits for."""
    chance = random.Random(seed)
    steps = []
    for number in range(chance.randrange(1, 80)):
        after = chance.sample([one.key for one in steps], min(len(steps), chance.randrange(4)))
        cost = chance.choice([1, 1, 1, SMALL, 3 * SMALL])
        make = chance.choice([rows, script])
        step = make(f"n{number}", *after, cost=cost)
        steps.append(Task(step.key, None, 0, step.after) if chance.random() < 0.1 else step)
    joined = join(steps, jobs=chance.randrange(1, 5))
    seen = set()
    for names in order(joined):
        for step in (one for one in steps if one.work is not None and one.key in names):
            waited, ready = list(step.after), set()
            while waited:  # through marks
                key = waited.pop()
                (before,) = [one for one in steps if one.key == key]
                if before.work is None:
                    waited += before.after
                else:
                    ready.add(key)
            assert ready <= seen
        assert not seen & set(names)
        seen |= set(names)
    assert seen == {one.key for one in steps if one.work is not None}
