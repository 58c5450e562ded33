"""Small steps of a copy put together: what many small tables cost is how often a server is waited for. Pure.

Steps of one kind that are equally far from the beginning become one. None of them waits for another, and what
they wait for is nearer to the beginning: so no circle can arise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

from engines.postgres.catalog import Name
from engines.postgres.copy import task_graph
from engines.postgres.copy.scheduler import Lock, Task
from engines.postgres.copy.task_graph import Analyze, CopyRows, RunScripts, Steps, Work

# So many at most become one: it keeps few locks at a time, and is not much to do again after a cut.
# Of fewer than that it is not worth making two.
_MOST, _MOST_COST, _FEW = 100, 16 << 20, 8


def join(steps: Steps, *, jobs: int) -> Steps:
    """Return ``steps`` with small ones joined, in enough parts to keep ``jobs`` workers busy."""
    groups: dict[tuple[type[Work], int], list[Task[Work]]] = {}
    depths = _depths(steps)
    found: Steps = []
    for step in steps:
        if step.work is not None and _is_small(step):
            groups.setdefault((type(step.work), depths[step.key]), []).append(step)
        else:
            found.append(step)
    became: dict[str, str] = {}
    for group in groups.values():
        for members in _cut(group, jobs):
            key = members[0].key
            became.update({one.key: key for one in members})
            found.append(_joined(members))
    return [replace(step, after=frozenset(became.get(key, key) for key in step.after)) for step in found]


def _is_small(step: Task[Work]) -> bool:
    # What switches triggers off keeps others away from its table: for no longer than it takes itself.
    switched = isinstance(step.work, CopyRows) and any(one.triggers.off for one in step.work.parts)
    return step.cost <= task_graph.SMALL and not switched


def _depths(steps: Steps) -> Mapping[str, int]:
    """Return how many steps come one after the other before each."""
    waits = {step.key: step.after for step in steps}
    found: dict[str, int] = {}
    for key in TopologicalSorter(waits).static_order():
        found[key] = max((found[other] + 1 for other in waits[key]), default=0)
    return found


def _cut(group: list[Task[Work]], jobs: int) -> Iterator[list[Task[Work]]]:
    most = min(_MOST, max(_FEW, -(-len(group) // (2 * jobs))))
    members: list[Task[Work]] = []
    for one in group:
        if members and (len(members) >= most or _cost(members) + one.cost > _MOST_COST):
            yield members
            members = []
        members.append(one)
    yield members


def _cost(steps: Iterable[Task[Work]]) -> float:
    return sum(step.cost for step in steps)


def _joined(members: list[Task[Work]]) -> Task[Work]:
    locks: dict[Name, Lock] = {}
    for one in members:
        for name, lock in one.locks.items():
            locks[name] = lock if locks.get(name, lock) == lock else "own"
    after = frozenset[str]().union(*(one.after for one in members))
    return Task(members[0].key, _work([one.work for one in members]), _cost(members), after, locks)


def _work(works: list[Work | None]) -> Work:
    copied = [one for one in works if isinstance(one, CopyRows)]
    if copied:
        return CopyRows(tuple(part for one in copied for part in one.parts))
    scripts = [one for one in works if isinstance(one, RunScripts)]
    if scripts:
        return RunScripts(tuple(script for one in scripts for script in one.scripts))
    return Analyze(tuple(name for one in works if isinstance(one, Analyze) for name in one.tables))
