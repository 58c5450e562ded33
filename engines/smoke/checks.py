"""Assertions on JSON, as pure functions: paths, expected values, and where two documents differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHOWN = 160


class _Missing:
    """Stands for what a path does not lead to; unlike ``None``, it equals nothing in JSON."""

    def __repr__(self) -> str:
        return "(nothing)"


MISSING = _Missing()


@dataclass(frozen=True)
class Mismatch:
    """One place that is not as expected."""

    path: str
    expected: Any
    got: Any


def pick(document: Any, path: str) -> Any:
    """Return what ``path`` leads to, or ``MISSING``.

    A path is names and list positions joined by dots: ``results.0.symbol``. ``a:b`` takes a slice of a list
    and ``*`` all of it; the rest of the path then applies to each item, and the result is a list.
    """
    if not path:
        return document
    step, _, rest = path.partition(".")
    if isinstance(document, Mapping):
        return pick(document[step], rest) if step in document else MISSING
    if not isinstance(document, list):
        return MISSING
    if step == "*" or ":" in step:
        return [pick(item, rest) for item in document[_slice(step)]]
    try:
        return pick(document[int(step)], rest)
    except (ValueError, IndexError):
        return MISSING


def mismatches(
    document: Any, exactly: Mapping[str, Any], containing: Mapping[str, Sequence[Any]]
) -> tuple[Mismatch, ...]:
    """Return the paths whose value is not the expected one, or whose list lacks one of the expected items."""
    wrong = []
    for path, expected in exactly.items():
        got = pick(document, path)
        if not same(expected, got):
            wrong.append(Mismatch(path, expected, got))
    for path, items in containing.items():
        got = pick(document, path)
        if not isinstance(got, list) or not all(any(same(item, one) for one in got) for item in items):
            wrong.append(Mismatch(path, f"all of {shown(list(items))}", got))
    return tuple(wrong)


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; numbers exactly, and a truth value is not a number."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def difference(old: Any, new: Any, ignore: Sequence[str] = ()) -> Mismatch | None:
    """Return the first place, in the old document's order, where the new one differs; ``None`` if nowhere.

    ``ignore`` are paths, ``*`` for any one step, whose values (and all below) may differ.
    """
    return _difference(old, new, (), [tuple(path.split(".")) for path in ignore])


def shown(value: Any) -> str:
    """Return a value as JSON for a message, cut to a readable length."""
    text = repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _slice(step: str) -> slice:
    if step == "*":
        return slice(None)
    start, _, end = step.partition(":")
    try:
        return slice(int(start) if start else None, int(end) if end else None)
    except ValueError:
        return slice(0, 0)


def _difference(
    old: Any, new: Any, at: tuple[str, ...], ignore: Sequence[tuple[str, ...]]
) -> Mismatch | None:
    if any(_matches(pattern, at) for pattern in ignore):
        return None
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [
            (key, old.get(key, MISSING), new.get(key, MISSING)) for key in [*old, *(new.keys() - old.keys())]
        ]
    elif isinstance(old, list) and isinstance(new, list):
        longest = max(len(old), len(new))
        pairs = [(str(i), _item(old, i), _item(new, i)) for i in range(longest)]
    else:
        return None if same(old, new) else Mismatch(".".join(at) or "(the whole answer)", old, new)
    found = (_difference(left, right, (*at, key), ignore) for key, left, right in pairs)
    return next((mismatch for mismatch in found if mismatch), None)


def _item(items: list[Any], position: int) -> Any:
    return items[position] if position < len(items) else MISSING


def _matches(pattern: tuple[str, ...], at: tuple[str, ...]) -> bool:
    return len(pattern) == len(at) and all(
        step in ("*", place) for step, place in zip(pattern, at, strict=True)
    )
