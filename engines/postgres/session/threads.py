"""Work on many tables with a few sessions."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TypeVar

Item = TypeVar("Item")
Sessions = TypeVar("Sessions")
Result = TypeVar("Result")


def map_parallel(
    items: Iterable[Item],
    work: Callable[[Sessions, Item], Result],
    *,
    sessions: Callable[[], AbstractContextManager[Sessions]],
    jobs: int,
) -> list[Result]:
    """Call ``work`` for every item, in their order, by at most ``jobs`` threads with sessions of their own.

    Returns the results in any order. The first failure stops the others before their next item and is raised.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with sessions() as own:
                while not failures:
                    results.append(work(own, waiting.get_nowait()))
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    threads = [
        threading.Thread(target=run, name=f"table-{number}", daemon=True)
        for number in range(min(jobs, waiting.qsize()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def run_both(first: Callable[[], Result], second: Callable[[], Result]) -> tuple[Result, Result]:
    """Call both at the same time and return their results; the first failure is raised."""
    results: dict[int, Result] = {}
    failures: list[BaseException] = []

    def run(number: int, call: Callable[[], Result]) -> None:
        try:
            results[number] = call()
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    other = threading.Thread(target=run, args=(1, second), daemon=True)
    other.start()
    run(0, first)
    other.join()
    if failures:
        raise failures[0]
    return results[0], results[1]
