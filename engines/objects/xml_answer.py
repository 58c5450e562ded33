"""What stores answer in XML: parsed in one place, and names of elements without their namespace."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar
from xml.etree import ElementTree

T = TypeVar("T")
# Seconds before each further try. Something that cuts off answers rarely cuts the same one three times.
_PAUSES = (0.1, 0.4)

ParseError = ElementTree.ParseError
Element = ElementTree.Element


def parse(text: str | bytes) -> Element:
    """Return the root of an answer. Raises ``ParseError``, or ``LookupError`` for an encoding nobody knows.

    Expat reads no external entity by itself, and refuses internal ones that grow out of proportion (2.4.1).
    """
    return ElementTree.fromstring(text)  # noqa: S314 - expat is guarded, as said above


def bare(element: Element) -> str:
    """Return the name of an element without its namespace: stores differ in whether they give one."""
    return element.tag.rpartition("}")[2]


def until_whole(ask: Callable[[], T], is_cut: type[Exception]) -> T:
    """Return what ``ask`` returns; ask again, twice at most, while it raises ``is_cut``.

    An answer without a length that was cut off on the way looks finished: only its XML shows it.
    """
    for pause in _PAUSES:
        try:
            return ask()
        except is_cut:
            time.sleep(pause)
    return ask()
