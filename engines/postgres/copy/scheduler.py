"""Which step of a copy comes next: pure, nothing is run here.

A step starts when what it needs is done and when no running step holds a lock that it would wait for. Of
those that can start, the one comes first whose way to the end is the longest.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Generic, Literal, TypeVar

from engines.postgres.catalog import Name

Work = TypeVar("Work")

# What a step does to a table: write rows, read it all against writers (build an index), look after it
# (statistics), or have it to itself. Short for PostgreSQL's lock modes.
Lock = Literal["write", "build", "tend", "own"]

_TOGETHER = {("write", "write"), ("build", "build"), ("write", "tend"), ("tend", "write")}


@dataclass(frozen=True)
class Task(Generic[Work]):
    """Something to do. ``cost`` is in bytes or the like; ``after`` are the keys of steps before it.

    A step without work is a mark that others can wait for.
    """

    key: str
    work: Work | None = None
    cost: float = 0
    after: frozenset[str] = frozenset()
    locks: Mapping[Name, Lock] = field(default_factory=dict)


class Scheduler(Generic[Work]):
    """The steps that are left, those that run, and what may start now.

    Raises ``graphlib.CycleError`` when steps wait for each other.
    """

    def __init__(self, steps: Iterable[Task[Work]]) -> None:
        self._steps = {step.key: step for step in steps}
        self._waits = {key: set(step.after) for key, step in self._steps.items()}
        self._next: dict[str, list[str]] = {key: [] for key in self._steps}
        for key, before in self._waits.items():
            for other in before:
                self._next[other].append(key)
        self._way = self._ways()
        self._running: dict[str, Task[Work]] = {}
        self._ready: list[str] = []
        self.done = 0
        for key in [key for key, before in self._waits.items() if not before]:
            self._release(key)

    def __len__(self) -> int:
        """Return how many steps there are."""
        return len(self._steps)

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.done == len(self._steps)

    def take(self) -> Task[Work] | None:
        """Return the step to start now, which counts as running from here on; None when all must wait.

        A step that has to wait for a lock keeps the table for itself against those that matter less.
        """
        held = [step.locks for step in self._running.values()]
        for index, key in enumerate(self._ready):
            step = self._steps[key]
            if all(_fit(step.locks, locks) for locks in held):
                del self._ready[index]
                self._running[key] = step
                return step
            held.append(step.locks)
        return None

    def finish(self, step: Task[Work]) -> None:
        """Say that a running step is done."""
        del self._running[step.key]
        self._mark(step.key)

    def _mark(self, key: str) -> None:
        self.done += 1
        for other in self._next[key]:
            self._waits[other].discard(key)
            if not self._waits[other]:
                self._release(other)

    def _release(self, key: str) -> None:
        if self._steps[key].work is None:
            self._mark(key)
            return
        insort(self._ready, key, key=lambda one: -self._way[one])

    def _ways(self) -> dict[str, float]:
        """Return the cost from the start of each step to the end of all."""
        found: dict[str, float] = {}
        order = tuple(TopologicalSorter(self._waits).static_order())
        for key in reversed(order):
            rest = max((found[other] for other in self._next[key]), default=0.0)
            found[key] = self._steps[key].cost + rest
        return found


def _fit(some: Mapping[Name, Lock], others: Mapping[Name, Lock]) -> bool:
    return all(name not in others or (lock, others[name]) in _TOGETHER for name, lock in some.items())
