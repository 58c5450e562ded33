"""Values that name objects: columns of the types ``regclass`` and the like, and what they require.

Such a value is the number of an object in this very database. It travels by name, and the name must mean
something when the row comes in: an index that rows name is built before them, and what will not be there on
the target is known before a byte moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from engines.errors import ConfigurationError
from engines.postgres.catalog import FIRST_OWN, OWN, CatalogId, Name
from engines.postgres.plan.inspection import Inspection
from engines.postgres.plan.not_copied import NotCopied
from engines.postgres.session import Session, search_path

_SHOWN = 5
_RELATION = OWN.format(catalog="pg_class", oid="c.oid")

_TYPES = f"""
SELECT t.oid::bigint,
       CASE WHEN t.typname LIKE 'reg%' AND t.oid < {FIRST_OWN} THEN t.typname::text ELSE '' END,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.typbasetype END::bigint,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE '' END,
       array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
             AND NOT a.attisdropped ORDER BY a.attnum),
       array(SELECT a.atttypid::bigint FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0
             AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_type t"""  # noqa: S608 - constants only

_COLUMNS = f"""
SELECT n.nspname, c.relname, a.attname, a.atttypid::bigint
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.atttypid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND c.relkind = 'r' AND c.relpersistence <> 't' AND {_RELATION}
ORDER BY 1, 2, 3"""  # noqa: S608 - constants only

_INDEXES = """
SELECT i.indexrelid::bigint, coalesce(k.oid, i.indexrelid)::bigint FROM pg_index i
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')"""

_CATALOGS = {
    "regclass": "pg_class",
    "regproc": "pg_proc",
    "regprocedure": "pg_proc",
    "regoper": "pg_operator",
    "regoperator": "pg_operator",
    "regtype": "pg_type",
    "regnamespace": "pg_namespace",
    "regconfig": "pg_ts_config",
    "regdictionary": "pg_ts_dict",
    "regcollation": "pg_collation",
}


@dataclass(frozen=True)
class OidReferences:
    """What rows name. ``tables`` have rows that name one of ``indexes``, by its number in an archive.

    ``gone`` are columns with values that name nothing any more.
    """

    indexes: frozenset[int] = frozenset()
    tables: frozenset[Name] = frozenset()
    gone: tuple[NotCopied, ...] = ()


@dataclass(frozen=True)
class _Type:
    """A row of pg_type: ``name`` is set if it is a reference, ``base`` if it is a domain.

    ``inner`` is the base or the element (0: neither), ``parts`` are the columns of a composite.
    """

    name: str
    inner: int
    base: str
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Value:
    """One value: ``text`` names the object ``number``, of type ``type``."""

    table: Name
    column: str
    type: str
    text: str
    number: int

    @property
    def place(self) -> str:
        """Where it was found."""
        return ".".join((*self.table, self.column))


def read(source: Session, target: Session, found: Inspection) -> OidReferences:
    """Return what the rows of the tables in scope name.

    Raises ``ConfigurationError`` about values that will mean nothing on the target.
    """
    path = found.adjustments.search_path
    with search_path.along(source, path):
        values = list(_values(source, found))
    if not values:
        return OidReferences()
    gone = [one for one in values if one.text.isdigit()]
    named = [one for one in values if not one.text.isdigit() and one.number]
    with search_path.along(source, path), search_path.along(target, path):
        lines = sorted(_unnamed(source, target, named, found.unsupported.numbers))
    if lines:
        raise _refusal(lines, found.target.server.database)
    indexes = {row[0]: row[1] for row in source.execute(_INDEXES)}
    naming = [one for one in named if one.type == "regclass" and one.number in indexes]
    return OidReferences(
        indexes=frozenset(indexes[one.number] for one in naming),
        tables=frozenset(one.table for one in naming),
        gone=tuple(_gone(gone)),
    )


def _values(source: Session, found: Inspection) -> Iterator[_Value]:
    types = _types(source)
    for schema, table, column, kind in source.execute(_COLUMNS, [list(types)]).fetchall():
        if not found.scope.covers(schema, table):
            continue
        for name, value in _inside(kind, sql.Identifier(column), types):
            query = sql.SQL("SELECT DISTINCT v::text, v::oid::bigint FROM (SELECT {} FROM ONLY {}) AS x (v)")
            rows = source.execute(query.format(value, sql.Identifier(schema, table))).fetchall()
            for text, number in rows:
                if text is not None:
                    yield _Value((schema, table), column, name, text, number)


def _types(source: Session) -> dict[int, _Type]:
    """Return the types that are references or have some inside: arrays, domains, composites."""
    known = {
        number: _Type(name, inner, base, tuple(zip(names, parts, strict=True)))
        for number, name, inner, base, names, parts in source.execute(_TYPES)
    }
    found = {number for number, kind in known.items() if kind.name}
    while more := {
        number
        for number, kind in known.items()
        if number not in found and (kind.inner in found or any(part in found for _, part in kind.parts))
    }:
        found |= more
    return {number: known[number] for number in found}


def _inside(
    number: int, value: sql.Composable, types: Mapping[int, _Type]
) -> Iterator[tuple[str, sql.Composable]]:
    """Yield the references inside of a ``value`` of type ``number``: the type of each, and an expression."""
    kind = types.get(number)
    if kind is None:
        return
    if kind.name:
        yield kind.name, value
    elif kind.base:
        yield from _inside(kind.inner, sql.SQL("({})::{}").format(value, sql.SQL(kind.base)), types)
    elif kind.parts:
        for name, part in kind.parts:
            yield from _inside(part, sql.SQL("({}).{}").format(value, sql.Identifier(name)), types)
    else:
        yield from _inside(kind.inner, sql.SQL("pg_catalog.unnest({})").format(value), types)


def _unnamed(
    source: Session, target: Session, values: Iterable[_Value], left_out: frozenset[CatalogId]
) -> Iterator[str]:
    """Yield a line about each value whose name will not lead to its object on the target."""
    catalogs = {
        name: int(row[0])
        for name, catalog in _CATALOGS.items()
        for row in source.execute("SELECT %s::regclass::oid::bigint", [f"pg_catalog.{catalog}"])
    }
    for one in values:
        why = ""
        if one.text.startswith(("pg_toast.", "pg_temp_")):
            why = "names what belongs to one server alone"
        elif (catalogs.get(one.type, 0), one.number) in left_out:
            why = "names what is not copied"
        elif _meaning(source, one) != one.number:
            why = "does not lead back to what it names (another has the same name)"
        elif (one.number < FIRST_OWN or one.type not in catalogs) and _meaning(target, one) is None:
            why = "names what the target does not have"
        if why:
            yield f"{one.place}: {one.type} {one.text} {why}"


def _meaning(session: Session, value: _Value) -> int | None:
    """Return the number of the object that the text of ``value`` names in the database of ``session``."""
    query = sql.SQL("SELECT {}::{}::oid::bigint").format(sql.Literal(value.text), sql.SQL(value.type))
    try:
        with session.transaction():
            row = session.execute(query).fetchone()
    except psycopg.Error:
        if session.closed:
            raise
        return None
    return int(row[0]) if row else None


def _gone(values: Iterable[_Value]) -> Iterator[NotCopied]:
    for place in sorted({one.place for one in values}):
        yield NotCopied(
            "reference", place, "it holds numbers of objects that are no more: they arrive as numbers"
        )


def _refusal(lines: list[str], database: str) -> ConfigurationError:
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ConfigurationError(
        f"values of the source would name nothing there: {'; '.join(lines[:_SHOWN])}{more}",
        subject=database,
        remedy="Change these values on the source, or leave the tables out (exclude_tables).",
        details=lines,
    )
