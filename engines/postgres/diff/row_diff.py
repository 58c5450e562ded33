"""The rows in which two versions of a table differ: counts and examples, computed from keys and hashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engines.postgres.checksum import Fingerprint

Kind = Literal["missing", "extra", "changed"]
Sums = Mapping[int, Fingerprint]
Values = tuple[str, ...]
Rows = Mapping[Values, Counter[int]]
"""Of each key the hashes of its rows; without a key, of each hash (as text) the rows that have it."""

_LONGEST = 80


@dataclass(frozen=True)
class Example:
    """One row that differs: how, and its key (column → value as text)."""

    kind: Kind
    key: Mapping[str, str]

    def __str__(self) -> str:
        """``id 7``, for messages."""
        return ", ".join(f"{name} {value}" for name, value in self.key.items())


@dataclass(frozen=True)
class Range:
    """Where differing rows lie, by the first column of the key (None: open), and the rows there."""

    first: str | None
    last: str | None
    source_rows: int
    target_rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        return {
            "from": self.first,
            "to": self.last,
            "source_rows": self.source_rows,
            "target_rows": self.target_rows,
        }


@dataclass(frozen=True)
class RowDifferences:
    """What is known of the differences of one table.

    ``missing`` rows are on the source only, ``extra`` ones on the target only, ``changed`` ones have the same
    key and other values. They are exact, or at least so many. ``key`` is empty for a table without one.
    """

    key: Values
    missing: int
    extra: int
    changed: int
    exact: bool
    ranges: tuple[Range, ...] = ()
    examples: tuple[Example, ...] = field(default=())

    def __str__(self) -> str:
        """The counts and the first places, as text."""
        about = "" if self.exact else "at least "
        counts = [
            f"{about}{number} {kind}"
            for kind, number in (("missing", self.missing), ("extra", self.extra), ("changed", self.changed))
            if number
        ]
        places = [f"{one.kind} at {one}" for one in self.examples[:3]]
        if self.ranges and not self.exact:
            places = [f"{self.key[0]} {_span(one)}" for one in self.ranges[:3]]
        return "; ".join([", ".join(counts), *places])

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by the names of the module's return value."""
        return {
            "key": list(self.key),
            "missing": self.missing,
            "extra": self.extra,
            "changed": self.changed,
            "exact": self.exact,
            "ranges": [one.as_dict() for one in self.ranges],
            "examples": [{"kind": one.kind, "key": dict(one.key)} for one in self.examples],
        }


def differing(source: Sums, target: Sums) -> list[int]:
    """Return the numbers whose sums differ, in order."""
    return sorted(number for number in {*source, *target} if source.get(number) != target.get(number))


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Join ``numbers``, which are in order, to runs without a gap: (first, last)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def ranges(source: Sums, target: Sums, bounds: Sequence[str], shown: int) -> tuple[Range, ...]:
    """Return the first ranges that differ. Slice n holds the values from ``bounds[n - 1]`` on."""

    def rows(sums: Sums, first: int, last: int) -> int:
        return sum(one.rows for number, one in sums.items() if first <= number <= last)

    return tuple(
        Range(
            bounds[first - 1] if first else None,
            bounds[last] if last < len(bounds) else None,
            rows(source, first, last),
            rows(target, first, last),
        )
        for first, last in runs(differing(source, target))[:shown]
    )


def within(source: Sums, target: Sums, chosen: Iterable[int], limit: int) -> list[int]:
    """Return the first of ``chosen`` that together hold at most ``limit`` rows a side (at least one)."""
    found: list[int] = []
    rows = 0
    for number in chosen:
        rows += max(side[number].rows if number in side else 0 for side in (source, target))
        if found and rows > limit:
            break
        found.append(number)
    return found


def describe(source: Rows, target: Rows, key: Values, *, exact: bool, shown: int) -> RowDifferences:
    """Count missing, extra and changed rows, and choose examples."""
    counts: Counter[str] = Counter()
    examples: list[Example] = []
    for values in sorted({*source, *target}, key=_natural):
        here, there = source.get(values, Counter()), target.get(values, Counter())
        lost, new = (here - there).total(), (there - here).total()
        changed = min(lost, new) if key else 0
        numbers: dict[Kind, int] = {"missing": lost - changed, "extra": new - changed, "changed": changed}
        for kind, number in numbers.items():
            counts[kind] += number
            if number and key and len(examples) < shown:
                named = {name: _short(value) for name, value in zip(key, values, strict=True)}
                examples.append(Example(kind, named))
    return RowDifferences(
        key, counts["missing"], counts["extra"], counts["changed"], exact=exact, examples=tuple(examples)
    )


def _natural(values: Values) -> tuple[tuple[int, int, str], ...]:
    """Whole numbers by their size, before other texts."""
    return tuple(
        (0, int(value), "") if value.removeprefix("-").isdecimal() else (1, 0, value) for value in values
    )


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def _span(one: Range) -> str:
    if one.first is None:
        return f"up to {_short(one.last)}" if one.last is not None else "everywhere"
    return f"from {_short(one.first)}" + (f" to {_short(one.last)}" if one.last is not None else " on")
