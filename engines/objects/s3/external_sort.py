"""Sorting streams by key in bounded memory, however long they are.

An item is a tuple that begins with its key. Keys are ordered as Python orders text, which is the order of
their UTF-8 bytes.
"""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any, Generic, TypeVar

# Items of one stream that are held at a time: some 15 MB.
HELD = 40_000
# Items that are written and read back together.
_BLOCK = 256

T = TypeVar("T", bound=tuple[Any, ...])
S = TypeVar("S", bound=tuple[Any, ...])
R = TypeVar("R", bound=tuple[Any, ...])
_key = itemgetter(0)


class Spool(Generic[T]):
    """A list on disk: appended to first, read (any number of times) after.

    ``dump`` makes a plain tuple of an item, ``load`` an item of that.
    """

    def __init__(self, load: Callable[[Any], T], dump: Callable[[T], tuple[Any, ...]] = tuple) -> None:
        self._file = tempfile.TemporaryFile(prefix="objects-")  # noqa: SIM115 - closed by close()
        self._load, self._dump = load, dump
        self._blocks: list[int] = []
        self._end: list[T] = []
        self._length = 0

    def __enter__(self) -> Spool[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what it holds."""
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def clear(self) -> None:
        """Forget all items."""
        self._file.truncate(0)
        self._blocks, self._end, self._length = [], [], 0

    def append(self, item: T) -> None:
        """Add one item."""
        self.extend((item,))

    def extend(self, items: Sequence[T]) -> None:
        """Add items."""
        self._end.extend(items)
        self._length += len(items)
        whole = len(self._end) - len(self._end) % _BLOCK
        for start in range(0, whole, _BLOCK):
            self._blocks.append(self._file.seek(0, os.SEEK_END))
            # Plain tuples, which is what marshal takes; it is several times as fast as JSON.
            marshal.dump(list(map(self._dump, self._end[start : start + _BLOCK])), self._file)
        if whole:
            del self._end[:whole]

    def __iter__(self) -> Iterator[T]:
        return self.between(0, self._length)

    def between(self, start: int, stop: int) -> Iterator[T]:
        """Yield items ``start`` (which begins a block) to ``stop``. Several may be under way at once."""
        for number in range(start // _BLOCK, -(-stop // _BLOCK)):
            if number < len(self._blocks):
                self._file.seek(self._blocks[number])
                items = list(map(self._load, marshal.load(self._file)))  # noqa: S302 - our own, unnamed file
            else:
                items = self._end
            yield from items[: stop - number * _BLOCK]


class Sorted(Generic[T]):
    """Items in the order of their keys, whatever order they come in; of items with one key, the last one.

    With ``twice``, a second item of one key is an error: the one that ``twice`` makes.

    Not every store lists in the order that S3 promises (SeaweedFS lists ``a/b`` before ``a-b``). Up to
    ``held`` items are sorted in memory and written as a run; runs that follow each other are read one after
    the other, others are merged.
    """

    def __init__(
        self, load: Callable[[Any], T], held: int = HELD, twice: Callable[[str], Exception] | None = None
    ) -> None:
        self._twice = twice
        # Whole blocks, so that each run begins one.
        self._held = -(-held // _BLOCK) * _BLOCK
        self._spool = Spool(load)
        self._open: list[T] = []
        self._runs: list[tuple[str, str]] = []

    def __enter__(self) -> Sorted[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what it holds."""
        self._spool.close()

    def __len__(self) -> int:
        return len(self._spool) + len(self._open)

    def append(self, item: T) -> None:
        """Add one item."""
        self.extend((item,))

    def extend(self, items: Sequence[T]) -> None:
        """Add items."""
        self._open.extend(items)
        while len(self._open) >= self._held:
            run = self._open[: self._held]
            del self._open[: self._held]
            run.sort(key=_key)
            self._runs.append((run[0][0], run[-1][0]))
            self._spool.extend(run)

    def __iter__(self) -> Iterator[T]:
        self._open.sort(key=_key)
        starts = range(0, len(self._runs) * self._held, self._held)
        runs: list[Iterable[T]] = [self._spool.between(start, start + self._held) for start in starts]
        ends = [*self._runs, *([(self._open[0][0], self._open[-1][0])] if self._open else [])]
        runs.append(self._open)
        in_order = all(before[1] <= after[0] for before, after in pairwise(ends))
        return self._latest(chain.from_iterable(runs) if in_order else heapq.merge(*runs, key=_key))

    def _latest(self, items: Iterable[T]) -> Iterator[T]:
        held: T | None = None
        for item in items:
            if held is not None:
                if held[0] != item[0]:
                    yield held
                elif self._twice is not None:
                    raise self._twice(held[0])
            held = item
        if held is not None:
            yield held


def merge_join(
    first: Iterable[T], second: Iterable[S], third: Iterable[R]
) -> Iterator[tuple[T | None, S | None, R | None]]:
    """Merge three streams, each ordered by key: what each has of every key, None where it has nothing."""
    ones, twos, threes = iter(first), iter(second), iter(third)
    a, b, c = next(ones, None), next(twos, None), next(threes, None)
    while True:
        if a is not None and b is not None and c is not None and a[0] == b[0] == c[0]:
            # How most keys are when most is done.
            yield a, b, c
            a, b, c = next(ones, None), next(twos, None), next(threes, None)
            continue
        keys = [item[0] for item in (a, b, c) if item is not None]
        if not keys:
            return
        least = min(keys)
        has_a, has_b, has_c = (item is not None and item[0] == least for item in (a, b, c))
        yield (a if has_a else None, b if has_b else None, c if has_c else None)
        a = next(ones, None) if has_a else a
        b = next(twos, None) if has_b else b
        c = next(threes, None) if has_c else c
