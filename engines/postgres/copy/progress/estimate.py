"""How long a copy will still take, from what its steps have taken so far. Pure: every moment is given.

Steps of one kind take time by their amount: rows by their bytes, indexes by what is sorted and written. How
much time is measured while the copy runs, for each kind, and of rows for each table; until enough of a kind
has ended, it is guessed from the rate of the rows. What is left is shared by the workers, but no quicker than
the longest way to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from engines.postgres.copy.scheduler import Task
from engines.postgres.copy.task_graph import SMALL, CopyRows, RunScripts, Work

# Seconds that a unit of a kind takes compared with a byte of rows, until it was measured.
_GUESSED: Mapping[str, float] = {"scripts": 0.5, "statistics": 0.3}
# A guess weighs as much as so large a part of its kind.
_WEIGHT = 0.05
# Seconds for a byte of rows before one came, and for a small thing: a few round trips.
_FIRST_BYTE, _FIRST_SMALL = 1e-8, 0.005
# Bytes of a stream for each of a table, before a step has ended.
_FIRST_RATIO = 0.9
# So many seconds tell how quick rows are now.
_RECENT = 3.0
# A step that takes longer than expected ends after so much of that again.
_LATE = 0.1
# What comes after the steps reads the schema again: a part of what came before them.
_FINISH = 0.25


@dataclass(frozen=True)
class Load:
    """How much a step is: so many bytes of a ``kind``, of one ``table``, or so many small things."""

    kind: str = ""
    amount: float = 0.0
    table: str = ""


def load(step: Task[Work]) -> Load:
    """Return how much a step is."""
    work = step.work
    if work is None:
        return Load()
    if isinstance(work, CopyRows):
        kind, number = "rows", len(work.parts)
    elif isinstance(work, RunScripts):
        kind, number = "scripts", len(work.scripts)
    else:
        kind, number = "statistics", len(work.tables)
    if step.cost <= SMALL * number:
        return Load(f"small {kind}", number)
    return Load(kind, step.cost, str(work.parts[0].table) if isinstance(work, CopyRows) else "")


@dataclass
class _Done:
    """What has ended of a kind, and the seconds that workers had with it."""

    amount: float = 0.0
    seconds: float = 0.0

    def add(self, amount: float, seconds: float) -> None:
        self.amount += amount
        self.seconds += seconds


@dataclass
class Estimate:
    """The time left of a copy with steps of these ``loads``, each ``after`` others, ``jobs`` at a time.

    ``prepared`` are the seconds that passed before the first step. For one thread at a time.
    """

    loads: Mapping[str, Load]
    after: Mapping[str, Iterable[str]]
    jobs: int
    prepared: float = 0.0
    _began: dict[str, float] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    _done: dict[tuple[str, str], _Done] = field(default_factory=dict)
    _reported: list[tuple[float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._order = tuple(TopologicalSorter(self.after).static_order())
        self._total: dict[str, float] = {}
        for one in self.loads.values():
            self._total[one.kind] = self._total.get(one.kind, 0.0) + one.amount

    @classmethod
    def of(cls, steps: Iterable[Task[Work]], jobs: int, prepared: float) -> Estimate:
        """Return the estimate for steps of a copy."""
        found = list(steps)
        loads = {one.key: load(one) for one in found}
        return cls(loads, {one.key: one.after for one in found}, jobs, prepared)

    def started(self, key: str, now: float) -> None:
        """Take that a step starts."""
        self._began[key] = now

    def ended(self, key: str, now: float) -> None:
        """Take that a step has ended."""
        one, took = self.loads[key], now - self._began.pop(key)
        for table in {"", one.table}:
            self._done.setdefault((one.kind, table), _Done()).add(one.amount, took)
        self._over.add(key)

    def left(self, now: float, streamed: float) -> float:
        """Return the seconds left, when so many bytes of rows have been ``streamed``."""
        self._note(now, streamed)
        rates = self._rates(now, streamed)
        left = {key: self._left(key, now, rates) for key in self._order if key not in self._over}
        ways: dict[str, float] = {}
        for key in self._order:
            before = max((ways.get(other, 0.0) for other in self.after[key]), default=0.0)
            ways[key] = before + left.get(key, 0.0)
        longest = max(ways.values(), default=0.0)
        return max(longest, sum(left.values()) / self.jobs) + self.prepared * _FINISH

    def _note(self, now: float, streamed: float) -> None:
        """Keep what the last seconds brought, and the seconds that workers had for it."""
        busy = sum(self.loads[key].kind == "rows" for key in self._began)
        before = self._reported[-1] if self._reported else (now, streamed, 0.0)
        self._reported.append((now, streamed, before[2] + busy * (now - before[0])))
        while now - self._reported[0][0] > _RECENT:
            self._reported.pop(0)

    def _lately(self, rows: float) -> float:
        """Return the seconds for a byte of rows in the last seconds; ``rows`` where none came."""
        (_, begun, some), (_, streamed, seconds) = self._reported[0], self._reported[-1]
        return (seconds - some) * _FIRST_RATIO / (streamed - begun) if streamed > begun else rows

    def _left(self, key: str, now: float, rates: Mapping[tuple[str, str], float]) -> float:
        """Return the seconds that a worker still has with a step."""
        one = self.loads[key]
        expected = one.amount * rates.get((one.kind, one.table), 0.0)
        began = self._began.get(key)
        if began is None or not expected:
            return expected
        return max(expected - (now - began), _LATE * (now - began))

    def _rates(self, now: float, streamed: float) -> dict[tuple[str, str], float]:
        """Return the seconds that a unit of each kind takes, of rows by their tables."""
        rows = self._rate("rows", "", self._first(now, streamed), 0.0, now)
        found: dict[tuple[str, str], float] = {}
        for one in self.loads.values():
            if (one.kind, one.table) in found or not one.kind:
                continue
            guess = _GUESSED.get(one.kind, 1.0) * rows
            weight = _WEIGHT * self._total[one.kind]
            if one.kind.startswith("small "):
                guess, weight = _FIRST_SMALL, 1.0
            elif one.table:
                guess, weight = self._guess(one.table, rows), _WEIGHT * one.amount
            found[one.kind, one.table] = self._rate(one.kind, one.table, guess, weight, now)
        return found

    def _guess(self, table: str, rows: float) -> float:
        """Return the seconds for a byte of a table of which nothing has ended: those that come now tell."""
        begun = any(self.loads[key].table == table for key in self._began)
        return self._lately(rows) if begun and ("rows", table) not in self._done else rows

    def _first(self, now: float, streamed: float) -> float:
        """Return the seconds for a byte of rows before a step of them has ended: by what was streamed."""
        elapsed = sum(now - began for key, began in self._began.items() if self.loads[key].kind == "rows")
        return elapsed * _FIRST_RATIO / streamed if streamed and elapsed else _FIRST_BYTE

    def _rate(self, kind: str, table: str, guess: float, weight: float, now: float) -> float:
        """Return what was measured, together with the guess; a step that takes longer than that counts."""
        done = self._done.get((kind, table), _Done())
        amount, seconds = done.amount + weight, done.seconds + weight * guess
        if not amount:
            return guess
        for key, began in self._began.items():
            one, took = self.loads[key], now - began
            alike = one.kind == kind and table in {"", one.table}
            if alike and took > one.amount * seconds / amount:
                amount, seconds = amount + one.amount, seconds + took
        return seconds / amount
