"""The objects of a database, each with a definition that can be compared, and how two sets of them differ."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engines.postgres.catalog.relations import Scope
from engines.postgres.catalog.schema_queries import queries
from engines.postgres.session import Session, answers

# What a managed server brings of its own: that the target has more of it is no difference.
_BROUGHT = frozenset({"schema", "extension"})

# Kinds whose definitions are shown where they differ: no bodies of functions, no options of servers.
_SHOWN = frozenset({
    "check", "column", "column order", "compression", "default", "domain", "domain check",
    "domain default", "enum", "exclusion",
    "extension", "foreign key", "index", "partition key", "policy using", "policy check",
    "primary key", "sequence", "statistics", "trigger", "unique",
})  # fmt: skip
_LONGEST = 200

# What pg_dump puts in place of a view that depends on a key, until the key is there.
_STAND_IN = re.compile(r"\s*SELECT NULL::")


@dataclass(frozen=True, order=True)
class ObjectKey:
    """What identifies an object: its kind and its qualified, quoted name."""

    kind: str
    name: str

    def __str__(self) -> str:
        """``kind name``, for messages."""
        return f"{self.kind} {self.name}"


Objects = Mapping[ObjectKey, str]

# The numbers of a catalog and of a row in it: what pg_depend and pg_dump call an object.
CatalogId = tuple[int, int]


@dataclass(frozen=True)
class SchemaDifference:
    """Objects that only the source has, that only the target has, and that are defined differently.

    ``texts`` has the definitions of the last, the source's and the target's.
    """

    missing: tuple[ObjectKey, ...] = ()
    extra: tuple[ObjectKey, ...] = ()
    different: tuple[ObjectKey, ...] = ()
    texts: Mapping[ObjectKey, tuple[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.missing or self.extra or self.different)

    def lines(self) -> list[str]:
        """Return one line per difference; first those that the source does not explain."""
        return (
            [f"{key}: only on the target" for key in self.extra]
            + [f"{key}: defined differently{self._both(key)}" for key in self.different]
            + [f"{key}: not on the target" for key in self.missing]
        )

    def _both(self, key: ObjectKey) -> str:
        """Return both definitions as text, of kinds that hold no secret and are short."""
        if key.kind not in _SHOWN or key not in self.texts:
            return ""
        source, target = (textwrap.shorten(text, _LONGEST, placeholder=" …") for text in self.texts[key])
        return f", the source's (wanted): {source}, the target's: {target}"


def read(session: Session, scope: Scope) -> dict[ObjectKey, str]:
    """Return every object in ``scope`` with its definition.

    Left out are objects of the system and of extensions, temporary ones, and those that ``clone`` cannot
    carry whatever the target (event triggers, publications, subscriptions, large objects).
    """
    return {key: text for key, text, _ in read_numbered(session, scope)}


def read_numbered(session: Session, scope: Scope) -> Iterator[tuple[ObjectKey, str, CatalogId]]:
    """Yield what ``read`` returns, each object with the numbers that this database knows it by."""
    for rows in answers(session, queries(session.info.server_version)):
        for kind, schema, relation, name, definition, *number in rows:
            if scope.covers(schema or "", relation or ""):
                yield ObjectKey(kind, name), definition or "", (number[0], number[1])


def without(objects: Objects, dropped: Iterable[ObjectKey]) -> Objects:
    """Return ``objects`` without ``dropped``."""
    keys = set(dropped)
    return {key: text for key, text in objects.items() if key not in keys}


def difference(source: Objects, target: Objects) -> SchemaDifference:
    """Compare two sets of objects. A stand-in for a view is missing.

    Schemas and extensions that only the target has do not count.
    """
    missing = [key for key in source if key not in target or _is_stand_in(key, source, target)]
    different = [
        key
        for key, text in source.items()
        if key in target and target[key] != text and not _is_stand_in(key, source, target)
    ]
    return SchemaDifference(
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(key for key in target if key not in source and key.kind not in _BROUGHT)),
        different=tuple(sorted(different)),
        texts={key: (source[key], target[key]) for key in different},
    )


def is_blank(objects: Objects) -> bool:
    """Return whether a database holds nothing but schemas and extensions (and comments on them)."""
    return all(key.kind in {*_BROUGHT, "comment"} for key in objects)


def is_unfinished(found: SchemaDifference) -> bool:
    """Return whether this can be an interrupted restore: all tables are there, and nothing contradicts.

    Tables and their columns come in one transaction; indexes, keys and triggers one by one after the rows.
    """
    if found.extra or found.different:
        return False
    with_tables = {"table", "partitioned table", "column", "column order", "default"}
    return all(key.kind not in with_tables for key in found.missing)


def _is_stand_in(key: ObjectKey, source: Objects, target: Objects) -> bool:
    if key.kind != "view definition" or not _STAND_IN.match(target.get(key, "")):
        return False
    return source[key] != target[key]
