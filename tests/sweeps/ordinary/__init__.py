"""Databases as people have them: small ones by hand, and a large one that is made up of many tables alike."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path

_HERE = Path(__file__).parent
ALL = ("music", "songs", "shop", "rental", "rental_inherited", "billing")

# What an encyclopaedia knows, and the tables that each of them has.
_ENTITIES = (
    "region",
    "person",
    "ensemble",
    "work",
    "recording",
    "medium",
    "venue",
    "label",
    "instrument",
    "festival",
    "series",
    "genre",
    "edition",
)


def script(name: str) -> str:
    """Return the script of a database; ``music`` with what all servers have."""
    return music(icu=False) if name == "music" else _read(name)


def music(*, icu: bool) -> str:
    """Return the script of a database of more than 300 tables in five schemas.

    ``icu`` says that both servers have its collations.
    """
    entity, link = _read("music_entity"), _read("music_link")
    parts = [_read("music").replace("-- {icu}", _read("music_icu") if icu else "")]
    parts += [entity.replace("{e}", name) for name in _ENTITIES]
    pairs = combinations_with_replacement(sorted(_ENTITIES), 2)
    parts += [link.replace("{a}", a).replace("{b}", b) for a, b in pairs]
    return "".join([*parts, _read("music_after")])


def _read(name: str) -> str:
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")
