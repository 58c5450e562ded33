"""Buckets that are drawn by chance: any key that S3 takes, any metadata and tags, sizes up to 20 MB."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from tests.sweeps.objects_sandbox import PART, Bucket

LONGEST_KEY = 1024
_TYPES = ("application/octet-stream", "text/csv; charset=utf-8", "chemical/x-mdl-sdfile", "")
_PIECES = (
    "/", "//", "/./", "/../", ".", "..", " ", "  ", "+", "%", "%2F", "%252f", "&", "&amp;", "=", ";", "?",
    "#", "<", ">", '"', "'", "\\", "\t", "\n", "\r", "\x01", "\x1f", "\x7f", "~", "*", ":", "|", "A", "a",
    "É", "日本", ".csv", ".C", ".gz", ".json",
    "\u0301", "\u200b", "\ufeff", "\uffee", "\U0001f600", "\U0010fffd", "]]>", "<!--", "CON", "-", "_",
)  # fmt: skip
_HEADERS = {"CacheControl": "no-store", "ContentDisposition": 'attachment; filename="a b"'}
# Sizes around those at which something else is done: none, one, a buffer, a part.
_SIZES = (0, 1, 255, 4096, 65_535, 65_536, 65_537, 300_000)
_LARGE = (PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7, 12_345_678, 20_000_000)
# Of the letters of a name of metadata, which is a header's, and of its value.
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-_."
_PRINTED = "".join(map(chr, range(0x20, 0x7F)))
_TAG = "abcXYZ019 +-=._:/@é日"


@dataclass(frozen=True)
class Drawn:
    """One object."""

    key: str
    body: bytes
    more: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def put(self, bucket: Bucket) -> bool:
        """Put it into a bucket, in parts where it is large; return whether the store has taken it."""
        tagging = {"Tagging": urlencode(self.tags)} if self.tags else {}
        try:
            bucket.put(self.key, self.body, **self.more, **tagging)
        except (BotoCoreError, ClientError, ValueError):
            return False
        return True


def drawn(chance: random.Random, count: int, large: int) -> list[Drawn]:
    """Return ``count`` objects, of which ``large`` are of several parts, or nearly."""
    keys: dict[str, None] = {}
    while len(keys) < count:
        keys.setdefault(_key(chance, list(keys)))
    sizes = [_size(chance) for _ in range(count - large)] + [chance.choice(_LARGE) for _ in range(large)]
    chance.shuffle(sizes)
    return [_object(chance, key, size) for key, size in zip(keys, sizes, strict=True)]


def _size(chance: random.Random) -> int:
    return chance.choice(_SIZES) if chance.random() < 0.5 else chance.randrange(2000)


def _object(chance: random.Random, key: str, size: int) -> Drawn:
    more: dict[str, Any] = {}
    # The marker of a folder is empty.
    body = b"" if key.endswith("/") else chance.randbytes(size)
    if kind := chance.choice(_TYPES):
        more["ContentType"] = kind
    if chance.random() < 0.5:
        more["Metadata"] = {
            _text(chance, _NAME[:36], 1) + _text(chance, _NAME, 12): _text(chance, _PRINTED, 60).strip()
            for _ in range(chance.randrange(1, 5))
        }
    more |= {name: value for name, value in _HEADERS.items() if chance.random() < 0.2}
    tags = {}
    if chance.random() < 0.3:
        tags = {
            _text(chance, _TAG, 20).strip() or "t": _text(chance, _TAG, 40).strip()
            for _ in range(chance.randrange(1, 6))
        }
    return Drawn(key, body, more, tags)


def _text(chance: random.Random, letters: str, most: int) -> str:
    return "".join(chance.choice(letters) for _ in range(chance.randint(1, most)))


def _key(chance: random.Random, known: list[str]) -> str:
    """Return a key; some are near to one that is ``known``: in it as in a folder, or with more at its end."""
    kind = chance.random()
    if known and kind < 0.15:
        key = chance.choice(known).rstrip("/") + "/" + _plain(chance)
    elif known and kind < 0.25:
        key = chance.choice(known) + chance.choice(_PIECES)
    elif kind < 0.35:
        key = _plain(chance) + "/"
    elif kind < 0.7:
        key = "".join(
            chance.choice(_PIECES) if chance.random() < 0.4 else _plain(chance)
            for _ in range(chance.randint(1, 8))
        )
    elif kind < 0.9:
        key = "".join(_character(chance) for _ in range(chance.randint(1, 40)))
    else:
        key = _longest(chance)
    return _cut(key) or "k"


def _plain(chance: random.Random) -> str:
    return _text(chance, "abcABC019-_.", 8)


def _character(chance: random.Random) -> str:
    """Return any character of Unicode but half a surrogate pair, and but what XML has no way to write."""
    while True:
        highest = chance.choice((0x7F, 0x7FF, 0xFFFF, 0x10FFFF))
        number = chance.randrange(1, highest + 1)
        if not 0xD800 <= number <= 0xDFFF:
            return chr(number)


def _longest(chance: random.Random) -> str:
    piece = chance.choice(("k", "é", "日", "\U0001f600", "part/", "a b+", "%41/"))
    return piece * LONGEST_KEY


def _cut(key: str) -> str:
    return key.encode()[:LONGEST_KEY].decode("utf-8", "ignore")


def emptied(bucket: Bucket) -> None:
    """Delete every object, and the folders that some stores keep."""
    for _ in range(3):
        keys = bucket.listing()
        if not keys:
            return
        for key in keys:
            with contextlib.suppress(ClientError):
                bucket.client.delete_object(Bucket=bucket.name, Key=key)
