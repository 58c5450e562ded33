"""How a store writes keys in its listings.

It is asked for ``encoding-type=url``, and not every store does as asked. It may encode and not say so, say so
and not do it, or leave ``+`` alone where it means itself. A key with ``%`` or ``+`` then reads in several
ways, so the object is requested: the name under which it exists is the right one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import unquote, unquote_plus

# What cannot be found out of so many keys (they are gone, or may not be read) is believed as the store says.
_ATTEMPTS = 5

Decode = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def _percent(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _percent_and_plus(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")


def _reads(text: str, key: str, way: Decode) -> bool:
    return way(text) == key


class KeyEncoding:
    """What is known of one store; it is found out once. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The ways that are possible, the most probable first.
        self._ways: tuple[Decode, ...] = ()
        # The way that was believed, of several, to read keys that another would read otherwise.
        self._believed: Decode | None = None
        self._attempts = 0

    @property
    def name(self) -> str:
        """Return ``url``, ``percent`` (``+`` means itself) or ``none``; ``unknown`` until a key shows it."""
        names: dict[Decode, str] = {_percent_and_plus: "url", _percent: "percent", _as_it_is: "none"}
        return names[self._ways[0]] if len(self._ways) == 1 else "unknown"

    def decode(
        self, texts: Sequence[str], prefix: str, exists: Callable[[str], bool | None], *, is_encoded: bool
    ) -> list[str]:
        """Return the keys that ``texts`` of a page stand for.

        ``prefix`` begins every key; ``exists`` says whether there is an object of a name, None if it is
        unknown; ``is_encoded`` is what the page says. Raises ``ValueError`` if pages are written in two ways.
        """
        with self._lock:
            if not self._ways:
                encoded = (_percent_and_plus, _percent)
                self._ways = (*encoded, _as_it_is) if is_encoded else (_as_it_is, *encoded)
            if len(self._ways) > 1:
                self._find_out(texts, prefix, exists)
            way = self._ways[0]
        if way is _as_it_is:
            return list(texts)
        return [way(text) if "%" in text or "+" in text else text for text in texts]

    def _find_out(self, texts: Sequence[str], prefix: str, exists: Callable[[str], bool | None]) -> None:
        # A store that encodes keys encodes a space.
        if any(" " in text for text in texts):
            self._keep(lambda way: way is _as_it_is)
        doubtful = False
        for text in texts:
            if "%" in text or "+" in text:
                found = self._reading(text, prefix, exists)
                doubtful = doubtful or found is None
                if found is not None:
                    self._keep(partial(_reads, text, found))
            if len(self._ways) == 1:
                return
        if doubtful:
            # No two objects have one key.
            self._keep(lambda way: len({way(text) for text in texts}) == len(texts))
            self._believed = self._ways[0] if len(self._ways) > 1 else None

    def _keep(self, fits: Callable[[Decode], bool]) -> None:
        """Keep the ways that fit, unless none does."""
        ways = tuple(way for way in self._ways if fits(way))
        if ways and self._believed not in {None, *ways}:
            raise ValueError("it writes keys otherwise than the pages before it")
        self._ways = ways or self._ways

    def _reading(self, text: str, prefix: str, exists: Callable[[str], bool | None]) -> str | None:
        """Return the one reading of ``text`` that is the key of an object, None if that is in doubt."""
        readings = dict.fromkeys(way(text) for way in self._ways)
        possible = [key for key in readings if key.startswith(prefix)]
        if len(possible) > 1 and self._attempts < _ATTEMPTS:
            possible = [key for key in possible if exists(key)]
            self._attempts += len(possible) != 1
        return possible[0] if len(possible) == 1 else None
