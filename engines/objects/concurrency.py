"""Work on many items at once, in threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")
_NOTHING = object()


class _Ended:
    """A thread's last word: the error that ended it, or none."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Work(Generic[Item, Result]):
    """What the threads share."""

    def __init__(self, function: Callable[[Item], Result], items: Iterator[Item]) -> None:
        self._function, self._items = function, items
        self._taking = threading.Lock()
        self.stop = threading.Event()
        self.results: queue.SimpleQueue[Result | _Ended] = queue.SimpleQueue()

    def run(self) -> None:
        error: BaseException | None = None
        try:
            while not self.stop.is_set():
                with self._taking:
                    item = next(self._items, _NOTHING)
                if item is _NOTHING:
                    break
                self.results.put(self._function(cast("Item", item)))
        except BaseException as caught:  # noqa: BLE001 - raised again in the thread that asked
            self.stop.set()
            error = caught
        self.results.put(_Ended(error))


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """Call ``function`` on every item in ``jobs`` threads; yield the results as they come.

    Items are taken only as fast as they are worked on. An exception ends it: what has not begun is dropped,
    what has is waited for.
    """
    work = _Work(function, iter(items))
    threads = [threading.Thread(target=work.run, name=f"objects-{number}") for number in range(jobs)]
    try:
        for thread in threads:
            thread.start()
        working = jobs
        while working:
            result = work.results.get()
            if not isinstance(result, _Ended):
                yield result
            elif result.error is not None:
                raise result.error
            else:
                working -= 1
    finally:
        work.stop.set()
        for thread in threads:
            if thread.is_alive():
                thread.join()
