"""Texts that two major versions write in different ways for one and the same definition."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engines.postgres.catalog import ObjectKey, Objects, schema_objects

# A string; a name with what qualifies it; or any other sign.
_NAME = r'(?:"(?:[^"]|"")*"|[A-Za-z_]\w*)'
_TOKEN = re.compile(rf"(?:'(?:[^']|'')*')+|(?:{_NAME}\.)*(?:{_NAME}|\*)|\S")


def alike(one: str, other: str) -> bool:
    """Return whether two texts differ in spaces alone, and in names that one qualifies and the other not.

    Since PostgreSQL 16 a column is written with its table only where it would be ambiguous otherwise.
    """
    source, target = _TOKEN.findall(one), _TOKEN.findall(other)
    return len(source) == len(target) and all(
        a == b or a.endswith(f".{b}") or b.endswith(f".{a}") for a, b in zip(source, target, strict=True)
    )


def undecided(source: Objects, target: Objects) -> Iterator[ObjectKey]:
    """Yield the objects of which nothing but the texts could tell whether they are defined alike.

    That is, those whose texts are set aside between major versions, and are not alike.
    """
    aside = schema_objects.comparable(source, same_version=False)
    for key, text in source.items():
        if aside[key] != text and key in target and not alike(text, target[key]):
            yield key
