"""The objects that the benchmark copies: seeded, incompressible, with user metadata and a content type."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

KIB, MIB = 1 << 10, 1 << 20
_SEED = 20_150
_TYPES = ("application/octet-stream", "chemical/x-mdl-sdfile", "text/csv; charset=utf-8", "application/gzip")
# Log-normal sizes with this spread have a median of 46 KiB when their mean is 350 KiB.
_SPREAD = 2.0


@dataclass(frozen=True)
class Item:
    """One object. Its body is ``size`` random bytes that follow from ``number``."""

    number: int
    size: int

    @property
    def key(self) -> str:
        """Return where it lies: a hundred folders."""
        return f"part-{self.number % 100:02}/object-{self.number:06}.bin"

    @property
    def body(self) -> bytes:
        """Return its content, the same in each run."""
        return random.Random(_SEED + self.number).randbytes(self.size)  # noqa: S311 - incompressible, not secret

    @property
    def headers(self) -> dict[str, str]:
        """Return its content type and user metadata, as they are sent."""
        kind = _TYPES[self.number % len(_TYPES)]
        return {
            "content-type": kind,
            "x-amz-meta-batch": f"{self.number // 100}",
            "x-amz-meta-assay": f"kinase-{self.number}",
        }


@dataclass(frozen=True)
class DataSet:
    """What one bucket holds. ``mean`` bytes an object; ``spread`` of their logarithms, 0 for all alike."""

    name: str
    count: int
    mean: int
    spread: float = 0.0

    def items(self) -> Iterator[Item]:
        """Yield the objects, the same in each run."""
        return islice(self._endless(), self.count)

    @property
    def total(self) -> int:
        """Return the bytes of all objects."""
        return sum(item.size for item in self.items())

    def _endless(self) -> Iterator[Item]:
        chance, number = random.Random(_SEED), 0  # noqa: S311 - the same in each run, not secret
        while True:
            yield Item(number, self._size(chance))
            number += 1

    def _size(self, chance: random.Random) -> int:
        if not self.spread:
            return self.mean
        # The mean of exp(normal(mu, s)) is exp(mu + s²/2); the tail is cut, as nobody waits for one object.
        drawn = chance.lognormvariate(0, self.spread) / 2.718281828 ** (self.spread**2 / 2)
        return max(1, min(int(self.mean * drawn), 64 * MIB))


def data_sets(scale: float = 1.0) -> dict[str, DataSet]:
    """Return the data sets by name; ``scale`` makes all of them smaller, to try the benchmark itself."""
    whole = (
        DataSet("small", 10_000, 4 * KIB),
        DataSet("large", 24, 64 * MIB),
        DataSet("mixed", 3_000, 350 * KIB, _SPREAD),
        DataSet("keys-20000", 20_000, 100),
        DataSet("keys-100000", 100_000, 100),
        DataSet("keys-1000000", 1_000_000, 100),
    )
    return {
        one.name: DataSet(one.name, max(2, int(one.count * scale)), one.mean, one.spread) for one in whole
    }
