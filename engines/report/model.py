"""What a report is made of, whatever it is written in: titles, sentences, tables, numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Data = Mapping[str, Any]
_STEP = 1024


@dataclass(frozen=True)
class Table:
    """Rows under a ``head``. ``numbers`` are aligned right; ``bar`` is the column of bars, or -1."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    bar: int = -1
    weights: Sequence[float] = ()


@dataclass(frozen=True)
class Section:
    """A title, sentences and tables."""

    title: str
    words: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def size(number: float) -> str:
    """Return bytes in a readable unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < _STEP:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= _STEP
    return f"{number:.1f} TiB"


def seconds(number: Any) -> str:
    """Return a duration; empty where it is not known."""
    return "" if number is None else f"{float(number):,.1f} s"
