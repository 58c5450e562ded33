"""The progress of a copy, as events: rows, bytes, rate and remaining seconds, per table and in total."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engines.events import Emit
from engines.postgres.catalog import Chunk, Name, Table
from engines.postgres.copy.progress.estimate import Estimate
from engines.postgres.plan import TablePlan

# An event at least so often, in seconds or in bytes.
EVERY_SECONDS = 1.0
EVERY_BYTES = 16 * 1024 * 1024
# Bytes of a stream per byte of a table, until finished tables give a measured ratio.
_FIRST_RATIO = 0.9
# Before so many seconds a rate says little, and the time left nothing.
_TOO_EARLY, _TOO_EARLY_TO_TELL = 0.2, 1.0


@dataclass
class _Table:
    """``size`` is the estimate that ``covered`` grows to; ``streamed`` and ``rows`` are counted."""

    table: Table
    parts: int
    started: float = 0.0
    parts_done: int = 0
    streamed: int = 0
    rows: int = 0
    covered: int = 0
    said: float = 0.0
    said_bytes: int = 0


class Progress:
    """Counts what the workers bring; may be called from any thread."""

    def __init__(
        self,
        tables: Iterable[TablePlan],
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._tables = {one.table.key: _Table(one.table, len(one.chunks)) for one in tables}
        self._total = sum(one.table.bytes for one in self._tables.values())
        self._started = clock()
        self._said = self._started
        self._said_bytes = 0
        self._steps = (0, 0)
        self._streamed = 0
        self._estimate: Estimate | None = None
        self._share = 0.0

    def started(self, table: Table) -> None:
        """Say that rows of ``table`` begin to come; heard once."""
        with self._lock:
            one = self._tables[table.key]
            if one.started:
                return
            one.started = one.said = self._clock()
        self._emit("table.started", table=str(table), rows=table.rows, bytes=table.bytes, parts=one.parts)

    def streamed(self, table: Table, size: int) -> None:
        """Count bytes that were streamed."""
        with self._lock:
            one = self._tables[table.key]
            one.streamed += size
            self._streamed += size
            now = self._clock()
            due = self._is_due(now - one.said, one.streamed - one.said_bytes)
            if due:
                one.said, one.said_bytes = now, one.streamed
        if due:
            self._say_table(one)
        self.beat()

    def landed(self, table: Table, chunk: Chunk, rows: int) -> None:
        """Count a chunk that is in."""
        with self._lock:
            one = self._tables[table.key]
            one.rows += rows
            one.covered += chunk.bytes
            one.parts_done += 1
            last = one.parts_done == one.parts
        if last:
            seconds = round(self._clock() - one.started, 3)
            self._emit("table.copied", table=str(table), rows=one.rows, bytes=one.streamed, seconds=seconds)

    def expect(self, estimate: Estimate) -> None:
        """Take what the time that is left is estimated with."""
        self._estimate = estimate

    def step(self, key: str, over: bool) -> None:
        """Take that a step starts, or that it is over."""
        with self._lock:
            if self._estimate is not None:
                (self._estimate.ended if over else self._estimate.started)(key, self._clock())

    def steps(self, done: int, of: int) -> None:
        """Set how many steps of all kinds are done."""
        self._steps = (done, of)
        self.beat()

    def counts(self, name: Name) -> tuple[int, int]:
        """Return the rows and bytes that were copied of a table."""
        one = self._tables[name]
        return one.rows, one.streamed

    def beat(self) -> None:
        """Emit the overall progress, if it is due."""
        with self._lock:
            now = self._clock()
            size = self._streamed
            if not self._is_due(now - self._said, size - self._said_bytes):
                return
            self._said, self._said_bytes = now, size
            passed = now - self._started
            done, of = self._steps
            left = self._left(now)
        rate = size / passed if passed > _TOO_EARLY else None
        self._emit(
            "clone.progress",
            rows=sum(one.rows for one in self._tables.values()),
            bytes=size,
            of=self._total,
            share=round(self._share, 4) or None,
            rate=rate and round(rate),
            seconds_left=None if left is None else round(left, 1),
            steps=done,
            of_steps=of,
        )

    def _left(self, now: float) -> float | None:
        """Return the seconds left, and set the share of the time that has passed, which never falls."""
        passed = now - self._started
        if self._estimate is None or passed < _TOO_EARLY_TO_TELL:
            return None
        left = self._estimate.left(now, self._streamed)
        self._share = max(self._share, passed / (passed + left))
        return left

    def _is_due(self, seconds: float, size: int) -> bool:
        return seconds >= EVERY_SECONDS or size >= EVERY_BYTES

    def _say_table(self, one: _Table) -> None:
        passed = self._clock() - one.started
        rate = one.streamed / passed if passed > _TOO_EARLY else 0.0
        ratio = self._ratio()
        left = max(one.table.bytes * ratio - one.streamed, 0)
        self._emit(
            "table.moving",
            table=str(one.table),
            rows=one.rows,
            bytes=one.streamed,
            of=round(max(one.table.bytes * ratio, one.streamed)),
            rate=round(rate) or None,
            seconds_left=round(left / rate, 1) if rate else None,
        )

    def _ratio(self) -> float:
        """Return the bytes of a stream per byte of a table, measured on the tables finished so far."""
        whole = [one for one in self._tables.values() if one.parts_done == one.parts and one.covered]
        covered = sum(one.covered for one in whole)
        return sum(one.streamed for one in whole) / covered if covered else _FIRST_RATIO
