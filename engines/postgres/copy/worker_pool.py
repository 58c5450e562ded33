"""Carries out a schedule with a few workers, each a thread with sessions of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol

from engines.postgres.copy.scheduler import Scheduler, Task
from engines.postgres.copy.task_graph import Work

# Seconds between two checks of the schedule while no step ends.
_BEAT = 1.0
# How long the others may take to stop when one has failed.
_PATIENCE = 15.0


class Worker(Protocol):
    """Does one piece of work after another, in a thread of its own."""

    def do(self, work: Work) -> None:
        """Do it, or raise."""

    def stop(self) -> None:
        """Break off what is being done; called from another thread."""

    def close(self) -> None:
        """End its sessions."""


def run(
    schedule: Scheduler[Work],
    factory: Callable[[], Worker],
    *,
    jobs: int,
    beat: Callable[[], None],
    reported: Callable[[str, bool], None] = lambda _key, _over: None,
) -> None:
    """Run all steps, ``jobs`` at a time. ``beat`` is called after each step and every second.

    ``told`` hears of each step when it starts, and when it is over.
    The first failure (of a worker, or of ``beat``) stops the others and is raised.
    """
    pool = WorkerPool(factory, jobs)
    free = jobs
    try:
        while not schedule.finished:
            while free and (step := schedule.take()) is not None:
                reported(step.key, False)
                pool.submit(step)
                free -= 1
            done = pool.wait(_BEAT)
            if done is not None:
                free += 1
                schedule.finish(done)
                reported(done.key, True)
            beat()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.shutdown()


class WorkerPool:
    """Threads that take tasks from one queue and put what is done into another."""

    def __init__(self, factory: Callable[[], Worker], jobs: int) -> None:
        self._factory = factory
        self._inbox: queue.SimpleQueue[Task[Work] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Task[Work] | BaseException] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._over = False
        # Threads die with the process, so that no worker outlives it.
        self._threads = [
            threading.Thread(target=self._work, name=f"copy-{number}", daemon=True) for number in range(jobs)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, step: Task[Work]) -> None:
        """Let a free worker take ``step``."""
        self._inbox.put(step)

    def wait(self, seconds: float) -> Task[Work] | None:
        """Return the next step that is done, if one is within ``seconds``; raise what a worker raised."""
        try:
            found = self._outbox.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self) -> None:
        """Make those that work break off."""
        self._over = True
        for worker in list(self._workers):
            worker.stop()

    def shutdown(self) -> None:
        """Let the workers go."""
        for _ in self._threads:
            self._inbox.put(None)
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _work(self) -> None:
        worker: Worker | None = None
        try:
            while (step := self._inbox.get()) is not None and not self._over:
                if worker is None:
                    worker = self._factory()
                    self._workers.append(worker)
                if step.work is not None:
                    worker.do(step.work)
                self._outbox.put(step)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._outbox.put(error)
        finally:
            if worker is not None:
                worker.close()
