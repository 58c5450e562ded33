"""Work on many items at once, in threads: in as many as are asked for, or as help."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")
_NOTHING = object()
# How many threads begin, and how many there are at most, where their number is not given.
FIRST = 16
MOST = 128
# Seconds for which a number of threads is measured, and in which each of them has done something.
_WINDOW = 0.25
# Twice as many threads have to do so much more to stay; else that is tried again later, and later still.
_GAIN = 1.15
_REST = 1.0
_LONGEST_REST = 16.0
# For at least so long as the measurement took, times this.
_WINDOWS = 8
# Bytes that count as much as one more item.
_UNIT = 1 << 20


class Throttle:
    """How many threads help: ``limit`` is doubled while that gets more done in the same time.

    A distance to the store hides behind more requests in flight; a machine or store that is at its limit
    gains nothing by them. Not safe to share between threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.limit = FIRST
        # The rate with half as many threads, while more are tried.
        self._before: float | None = 0.0
        self._rest = _REST
        self._next = 0.0
        self._begin()

    def _begin(self) -> None:
        self._begun, self._items, self._units = self._clock(), 0, 0.0

    def done(self, size: int) -> bool:
        """Note an item of ``size`` bytes; return whether the limit has changed."""
        self._items += 1
        self._units += 1 + size / _UNIT
        if self._items < self.limit:
            return False
        now = self._clock()
        seconds = now - self._begun
        if seconds < _WINDOW:
            return False
        before = self.limit
        self._judge(self._units / seconds, now, seconds)
        self._begin()
        return self.limit != before

    def _judge(self, rate: float, now: float, seconds: float) -> None:
        if self._before is not None and rate < _GAIN * self._before:
            # More gained nothing.
            self.limit //= 2
            self._before = None
            self._next = now + max(self._rest, _WINDOWS * seconds)
            self._rest = min(2 * self._rest, _LONGEST_REST)
        elif self.limit < MOST and (self._before is not None or now >= self._next):
            self._before = rate
            self.limit *= 2
        else:
            self._before = None


class _Ended:
    """A thread's last word: the error that ended it, or none."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Work(Generic[Item, Result]):
    """What the threads share."""

    def __init__(
        self,
        function: Callable[[Item], Result],
        items: Iterator[Item],
        jobs: int,
        size: Callable[[Result], int],
    ) -> None:
        self._function, self._items, self._size = function, items, size
        self._throttle = None if jobs else Throttle()
        self._limit = jobs or FIRST
        self._taking = threading.Lock()
        self._changed = threading.Condition()
        self.stop = threading.Event()
        self.results: queue.SimpleQueue[Result | _Ended] = queue.SimpleQueue()
        # All threads that were started; of those the first ``limit`` work, the others wait.
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start as many threads as may work now."""
        with self._changed:
            while len(self.threads) < self._limit and not self.stop.is_set():
                number = len(self.threads)
                thread = threading.Thread(target=self._run, args=(number,), name=f"objects-{number}")
                self.threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Begin nothing more, and wait for what has begun."""
        self.stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()

    def _run(self, number: int) -> None:
        error: BaseException | None = None
        try:
            while self._may_work(number):
                with self._taking:
                    item = next(self._items, _NOTHING)
                if item is _NOTHING:
                    break
                result = self._function(cast("Item", item))
                self.results.put(result)
                if self._throttle is not None:
                    self._note(self._throttle, self._size(result))
        except BaseException as caught:  # noqa: BLE001 - raised again in the thread that asked
            error = caught
        self.stop.set()
        with self._changed:
            self._changed.notify_all()
        self.results.put(_Ended(error))

    def _may_work(self, number: int) -> bool:
        """Wait while there are enough threads without this one; return whether there may be more to do."""
        if number >= self._limit:
            with self._changed:
                self._changed.wait_for(lambda: number < self._limit or self.stop.is_set())
        return not self.stop.is_set()

    def _note(self, throttle: Throttle, size: int) -> None:
        with self._changed:
            if not throttle.done(size):
                return
            self._limit = throttle.limit
            self._changed.notify_all()
        self.start()


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int,
    size: Callable[[Result], int] = lambda _: 0,
) -> Iterator[Result]:
    """Call ``function`` on every item in ``jobs`` threads (0: as many as help); yield results as they come.

    Items are taken only as fast as they are worked on. An exception ends it: what has not begun is dropped,
    what has is waited for. ``size`` is that of a result in bytes, where it makes some of the work.
    """
    work = _Work(function, iter(items), jobs, size)
    try:
        work.start()
        ended = 0
        while ended < len(work.threads) or not ended:
            result = work.results.get()
            if not isinstance(result, _Ended):
                yield result
            elif result.error is not None:
                raise result.error
            else:
                ended += 1
    finally:
        work.end()
