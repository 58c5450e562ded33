"""Streams in the order of their keys, held in bounded memory however long they are."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any, Generic, Protocol, TypeVar

# Items of one stream that are held at a time: some 20 MB.
HELD = 50_000


class Keyed(Protocol):
    """Something with a key that can be written as one line of JSON."""

    @property
    def key(self) -> str:
        """Return the object's key, relative to its side's prefix."""

    def to_data(self) -> Any:
        """Return it as plain data for JSON."""


T = TypeVar("T", bound=Keyed)
S = TypeVar("S", bound=Keyed)
R = TypeVar("R", bound=Keyed)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def by_key(item: Keyed) -> bytes:
    """Return what S3 sorts by: the key's UTF-8 bytes."""
    return item.key.encode("utf-8", "surrogateescape")


def ordered(items: Iterable[T], load: Callable[[Any], T], held: int = HELD) -> Iterator[T]:
    """Yield ``items`` in the order of their keys; of items with the same key, the last one.

    Not every store lists in the order that S3 promises (SeaweedFS lists ``a/b`` before ``a-b``). Up to
    ``held`` items are sorted in memory, more than that in runs on disk that are then merged; ``load`` is the
    inverse of ``to_data``.
    """
    remaining = iter(items)
    with ExitStack() as files:
        runs: list[Iterable[T]] = []
        while run := sorted(islice(remaining, held), key=by_key):
            if len(run) < held and not runs:
                yield from _latest(run)
                return
            file = files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            runs.append(_spilled(run, file, load))
        yield from _latest(heapq.merge(*runs, key=by_key))


def _spilled(run: Iterable[T], file: IO[str], load: Callable[[Any], T]) -> Iterator[T]:
    file.writelines(json.dumps(item.to_data()) + "\n" for item in run)
    file.seek(0)
    return (load(json.loads(line)) for line in file)


def _latest(items: Iterable[T]) -> Iterator[T]:
    held: T | None = None
    for item in items:
        if held is not None and held.key != item.key:
            yield held
        held = item
    if held is not None:
        yield held


class _Head(Generic[T]):
    """A stream with its next item in sight."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self._next = next(self._items, None)

    @property
    def order(self) -> bytes | None:
        return None if self._next is None else by_key(self._next)

    def take(self, order: bytes) -> T | None:
        item = self._next
        if item is None or by_key(item) != order:
            return None
        self._next = next(self._items, None)
        return item


def side_by_side(
    first: Iterable[T], second: Iterable[S], third: Iterable[R]
) -> Iterator[tuple[T | None, S | None, R | None]]:
    """Merge three streams, each ordered by key: what each has of every key, None where it has nothing."""
    a, b, c = _Head(first), _Head(second), _Head(third)
    while orders := [order for order in (a.order, b.order, c.order) if order is not None]:
        least = min(orders)
        yield a.take(least), b.take(least), c.take(least)


class Spool(Generic[Item]):
    """A list on disk: appended to first, read (any number of times) after. Close it with ``with``."""

    def __init__(self, dump: Callable[[Item], Any], load: Callable[[Any], Item]) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        self._dump, self._load = dump, load
        self._length = 0

    def __enter__(self) -> Spool[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def append(self, item: Item) -> None:
        """Add one item."""
        self._file.write(json.dumps(self._dump(item)) + "\n")
        self._length += 1

    def __iter__(self) -> Iterator[Item]:
        self._file.seek(0)
        for line in self._file:
            yield self._load(json.loads(line))


def in_parallel(function: Callable[[Item], Answer], items: Iterable[Item], jobs: int) -> Iterator[Answer]:
    """Call ``function`` on every item in ``jobs`` threads; yield the answers as they come.

    Items are taken only as fast as they are worked on. An exception ends it: what has not begun is dropped.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(jobs, thread_name_prefix="objects") as pool:
        waiting: set[Future[Answer]] = set()
        try:
            while True:
                waiting |= {
                    pool.submit(function, item) for item in islice(remaining, 4 * jobs - len(waiting))
                }
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                answers = deque(future.result() for future in done)
                while answers:
                    yield answers.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
