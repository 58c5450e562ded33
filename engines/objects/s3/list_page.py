"""One page of a listing: XML, read whole and checked against itself.

A page is mostly objects of one shape, which a pattern reads ten times as fast as a parser. What the pattern
has read is counted against the markup that is there; a page that does not add up goes to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from engines.objects.xml_answer import Element, ParseError, bare, parse

_FIELDS = ("Key", "Size", "ETag", "LastModified", "StorageClass")
_REQUIRED = frozenset({"Key", "Size", "LastModified"})
_OPEN, _CLOSE = "<Contents>", "</Contents>"
_ENTITY = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|\w*);?")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_TRUTHS = {"true": True, "false": False}

Row = tuple[str, str, str, str, str]


class PageError(ValueError):
    """The page is not what it has to be; the message says in what."""


class CutPageError(PageError):
    """It is no whole XML: cut off on the way, or something else than a page."""


class Page(NamedTuple):
    """What one page says, in its order. ``rows`` are as they are written, ``keys`` without entities."""

    keys: list[str]
    rows: list[Row]
    # Whether it says that its keys are encoded as in URLs.
    is_encoded: bool
    is_truncated: bool
    token: str
    marker: str


class PageReader:
    """Reads the pages of one listing. What it learns of the first page's shape serves for the others."""

    def __init__(self) -> None:
        self._shape: re.Pattern[str] | None = None
        self._tags = 0
        self._take: Callable[[Any], Any] = tuple

    def read(self, text: str) -> Page:
        """Return what a page says. Raises ``PageError`` if it is none, or contradicts itself."""
        try:
            return self._fast(text) or _page(parse(text), None)
        except PageError:
            raise
        except (ParseError, LookupError, ValueError) as error:
            raise CutPageError("it is not well-formed XML") from error

    def _fast(self, text: str) -> Page | None:
        """Return the page if all its objects have one shape, and nothing stands between them."""
        start, stop = text.find(_OPEN), text.rfind(_CLOSE) + len(_CLOSE)
        # Comments and CDATA begin so; what is in them is no markup.
        if start < 0 or stop < start or "<!" in text:
            return None
        rows = self._rows(text, start, stop)
        if rows is None:
            return None
        frame = parse(text[:start] + text[stop:])
        return None if any(bare(one) == "Contents" for one in frame) else _page(frame, rows)

    def _rows(self, text: str, start: int, stop: int) -> list[Row] | None:
        markup = text.count("<", start, stop)
        for attempt in range(2):
            if self._shape is None or attempt:
                self._learn(text[start + len(_OPEN) : text.find(_CLOSE)])
            if self._shape is None:
                return None
            found = self._shape.findall(text, start, stop)
            if len(found) * self._tags == markup:
                return list(map(self._take, found))
        return None

    def _learn(self, first: str) -> None:
        names = re.findall(r"<(\w+)>[^<]*</\1>", first)
        fields = [name for name in _FIELDS if name in names]
        self._shape = None
        if len(set(names)) == len(names) and len(fields) == len(_FIELDS):
            inner = "".join(f"<{name}>([^<]*)</{name}>" for name in names)
            self._shape = re.compile(f"{_OPEN}{inner}{_CLOSE}")
            self._tags = 2 + 2 * len(names)
            self._take = itemgetter(*(names.index(name) for name in _FIELDS))


def unescape(text: str) -> str:
    """Return what text of XML means. Raises ``PageError`` for an entity that XML does not know."""

    def character(found: re.Match[str]) -> str:
        name = found[1]
        if not found[0].endswith(";") or (name not in _NAMED and not name.startswith("#")):
            raise PageError(f"it has the unknown entity {found[0]!r}")
        if name.startswith("#"):
            return chr(int(name[2:], 16) if name.startswith("#x") else int(name[1:]))
        return _NAMED[name]

    return _ENTITY.sub(character, text)


def _page(root: Element, rows: list[Row] | None) -> Page:
    """Return a page whose ``rows`` were read already, or are children of ``root``."""
    if bare(root) != "ListBucketResult":
        raise PageError(f"it is a {bare(root)}")
    said = {bare(one): (one.text or "").strip() for one in root if not len(one)}
    if rows is None:
        rows = list(_parsed(root))
        keys = [row[0] for row in rows]
    else:
        keys = [unescape(row[0]) if "&" in row[0] else row[0] for row in rows]
    if not all(keys):
        raise PageError("an object has no Key")
    folders = sum(1 for one in root if bare(one) == "CommonPrefixes")
    _check(said, len(rows) + folders)
    return Page(
        keys,
        rows,
        said.get("EncodingType", "").lower() == "url",
        _TRUTHS[said["IsTruncated"].lower()],
        said.get("NextContinuationToken", ""),
        said.get("NextMarker", ""),
    )


def _check(said: dict[str, str], found: int) -> None:
    """Raise ``PageError`` if a page says of itself what is not so."""
    count = said.get("KeyCount", "")
    if count and count != str(found):
        raise PageError(f"its KeyCount is {count}, but it has {found} keys")
    truncated = said.get("IsTruncated", "")
    if truncated.lower() not in _TRUTHS:
        raise PageError(f"its IsTruncated is {truncated!r}")
    if truncated.lower() == "false" and said.get("NextContinuationToken"):
        raise PageError("it says that it is the last one, and names a next one")


def _parsed(root: Element) -> Iterator[Row]:
    for content in root:
        if bare(content) == "Contents":
            found = {bare(part): part.text or "" for part in content}
            if lacking := sorted(name for name in _REQUIRED if not found.get(name)):
                raise PageError(f"an object has no {' and no '.join(lacking)}")
            key, size, etag, modified, storage = (found.get(name, "") for name in _FIELDS)
            yield key, size.strip(), etag.strip(), modified.strip(), storage.strip()
