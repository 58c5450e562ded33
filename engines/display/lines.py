"""Lines of styled text, and how numbers are written in them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Literal

Style = Literal["", "bold", "dim", "good", "bad", "warn", "bar"]
# Parts of one line, each in one style.
Line = tuple[tuple[Style, str], ...]

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_MINUTE, _HOUR = 60, 3600
_TEN = 10
# Beyond so many columns a line is hard to read.
WIDEST = 100


def plain(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(text for _, text in line).rstrip()


def count(number: float) -> str:
    """Return a number with separators."""
    return f"{number:,.0f}"


def several(number: float, noun: str, many: str = "") -> str:
    """Return a number and its noun, which is one or several."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def size(number: float) -> str:
    """Return bytes in a unit that leaves at most four digits."""
    unit = 0
    while number >= _STEP and unit < len(_SIZES) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.0f} {_SIZES[unit]}" if unit == 0 else f"{number:.1f} {_SIZES[unit]}"


def seconds(number: float) -> str:
    """Return a duration: ``8.2 s``, ``42 s``, ``3:07 min``, ``1:02:10 h``."""
    if number < _TEN:
        return f"{number:.1f} s"
    whole = round(number)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02d} min"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02d}:{whole % _MINUTE:02d} h"


def cut(text: str, width: int) -> str:
    """Return a text in at most ``width`` columns; what is left out is an ellipsis."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: max(0, width - 1)]}…"


def fitting(parts: Iterable[str], width: int) -> str:
    """Return those of ``parts`` that fit, separated by commas: the first ones matter most."""
    said = ""
    for part in (one for one in parts if one):
        longer = f"{said}, {part}" if said else part
        if len(longer) > width:
            return said or cut(part, width)
        said = longer
    return said


def labelled(label: str, text: str, width: int, style: Style = "", indent: int = 2) -> list[Line]:
    """Return ``text`` beside a label, broken at ``width``; line breaks in it are kept."""
    left = indent + _LABEL
    parts: list[str] = []
    for each in text.splitlines() or [""]:
        parts += textwrap.wrap(each, max(20, min(width, WIDEST) - left), break_on_hyphens=False) or [""]
    first: Line = (("dim", " " * indent + label.ljust(_LABEL)), (style, parts[0]))
    return [first, *(_indented(part, left, style) for part in parts[1:])]


def _indented(text: str, left: int, style: Style) -> Line:
    return (("", " " * left), (style, text))


_LABEL = 9


def joined(parts: Iterable[str]) -> str:
    """Return what is said of several things, without those that say nothing."""
    return ", ".join(part for part in parts if part)
