"""What a database holds, as far as moving its rows is concerned: tables, sequences, keys, revision."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from engines.errors import ConfigurationError
from engines.postgres.catalog.binary_types import binary_types
from engines.postgres.session import Session

Name = tuple[str, str]  # schema and relation

# Where Alembic keeps its revision unless a project names another table, and the one column of such a table.
REVISION_TABLE, _REVISION = "alembic_version", "version_num"

# Where an unfinished copy keeps its notes on the target. It is no part of what is copied or compared.
RECORD_SCHEMA = "bmii_migrate_copy"

# Schema and triggers of a fence around the source (``engines.fence``). Not copied or compared either.
FENCE = "bmii_migrate_fence"

_NAME = re.compile(r'^(?:(?:"((?:[^"]|"")+)"|([^".]+))\.)?(?:"((?:[^"]|"")+)"|([^".]+))$')
_BATCH = 200
# Its output leaves out a declaration that says nothing but the version.
_XML = 142

# Objects of the user's own: not the system's, and not made by an extension (which brings its own).
OWN = """n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_depend e
    WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"""
_OWN_RELATION = OWN.format(catalog="pg_class", oid="c.oid")

_TABLES = f"""
SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid),
       coalesce((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{{}}'),
       coalesce((SELECT array_agg(a.attgenerated <> '' ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{{}}'),
       coalesce((SELECT array_agg(a.atttypid::bigint ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{{}}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {_OWN_RELATION}
ORDER BY 1, 2"""  # noqa: S608 - constants only

_SEQUENCES = f"""
SELECT n.nspname, c.relname, coalesce(t.relname, ''), s.seqincrement
FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = d.refobjid
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {_OWN_RELATION}
ORDER BY 1, 2"""  # noqa: S608 - constants only

_FOREIGN_KEYS = f"""
SELECT n.nspname, c.relname, k.conname, m.nspname, r.relname,
       format('%I.%I.%I', n.nspname, c.relname, k.conname),
       format('table constraint %I on %I.%I', k.conname, n.nspname, c.relname)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {_OWN_RELATION}
ORDER BY 1, 2, 3"""  # noqa: S608 - constants only


@dataclass(frozen=True)
class Column:
    """A column; ``binary`` says whether its values may travel in binary form between two databases.

    ``as_text``: its output function leaves something out that its text has.
    """

    name: str
    generated: bool = False
    binary: bool = True
    as_text: bool = False


@dataclass(frozen=True)
class Table:
    """A relation that holds rows of its own: an ordinary table or a partition. Sizes are estimates."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    rows: int = 0
    bytes: int = 0

    @property
    def key(self) -> Name:
        """Schema and name."""
        return (self.schema, self.name)

    @property
    def holds_revision(self) -> bool:
        """Whether Alembic notes here where the database stands: it has the usual name, or all of the form."""
        names = [column.name for column in self.columns]
        return names == [_REVISION] or (self.name == REVISION_TABLE and _REVISION in names)

    def __str__(self) -> str:
        """``schema.name``, for messages."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name, for statements."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Sequence:
    """A sequence and its current value."""

    schema: str
    name: str
    last_value: int
    is_called: bool
    increment: int = 1

    @property
    def next_value(self) -> int:
        """What the next call of ``nextval`` returns (unless the sequence has come to its end)."""
        return self.last_value + (self.increment if self.is_called else 0)

    def is_ahead_of(self, other: Sequence) -> bool:
        """Return whether values were drawn from here that were not drawn from ``other``."""
        step = 1 if self.increment > 0 else -1
        return (self.next_value - other.next_value) * step > 0

    @property
    def key(self) -> Name:
        """Schema and name."""
        return (self.schema, self.name)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of ``table`` that refers to ``referred``; ``identity`` and ``comment`` name it in SQL."""

    table: Name
    name: str
    referred: Name
    identity: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Scope:
    """The part of a database that is moved: ``schemas`` (none means all) without ``excluded`` relations."""

    schemas: tuple[str, ...] = ()
    excluded: frozenset[Name] = frozenset()

    def covers(self, schema: str, relation: str = "") -> bool:
        """Return whether an object of ``schema`` (empty: of none), belonging to ``relation``, is moved."""
        if schema in {RECORD_SCHEMA, FENCE} or (schema, relation) in self.excluded:
            return False
        return not self.schemas or schema in self.schemas


def parse_names(names: Iterable[str], *, option: str) -> frozenset[Name]:
    """Read ``schema.table`` or ``table`` (of ``public``), each part quoted as in SQL where needed."""
    found = set()
    for text in names:
        match = _NAME.match(text.strip())
        if not match:
            raise ConfigurationError(
                f"{text!r} is not the name of a table",
                subject=option,
                remedy='Write schema.table or "Schema"."Table".',
            )
        schema, plain_schema, name, plain_name = match.groups()
        found.add(
            ((schema or plain_schema or "public").replace('""', '"'), (name or plain_name).replace('""', '"'))
        )
    return frozenset(found)


def scope(session: Session, schemas: Iterable[str], exclude_tables: Iterable[str]) -> Scope:
    """Return the scope that the options mean on this database, the source.

    The sequences of an excluded table go with it. Raises ``ConfigurationError`` about names that it lacks.
    """
    chosen, excluded = tuple(schemas), parse_names(exclude_tables, option="exclude_tables")
    query = "SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid"
    relations: set[Name] = {(row[0], row[1]) for row in session.execute(query)}
    for option, unknown in (
        ("schemas", sorted(set(chosen) - {schema for schema, _ in relations})),
        ("exclude_tables", sorted(".".join(name) for name in excluded - relations)),
    ):
        if unknown:
            raise ConfigurationError(
                f"the source has no {', '.join(unknown)}", subject=option, remedy="Correct the name."
            )
    owned = {(row[0], row[1]) for row in session.execute(_SEQUENCES) if (row[0], row[2]) in excluded}
    return Scope(chosen, excluded | owned)


def tables(session: Session, scope: Scope) -> tuple[Table, ...]:
    """Return the tables with rows of their own, with estimated rows and bytes."""
    binary = binary_types(session)
    return tuple(
        Table(schema, name, tuple(_columns(columns, generated, types, binary)), rows, size)
        for schema, name, rows, size, columns, generated, types in session.execute(_TABLES)
        if scope.covers(schema, name)
    )


def _columns(
    names: list[str], generated: list[bool], types: list[int], binary: frozenset[int]
) -> Iterable[Column]:
    for name, is_generated, kind in zip(names, generated, types, strict=True):
        yield Column(name, is_generated, kind in binary and kind != _XML, kind == _XML)


def sequences(session: Session, scope: Scope) -> tuple[Sequence, ...]:
    """Return every sequence and where it stands now (sequences do not follow snapshots)."""
    known = [(row[0], row[1], row[3]) for row in session.execute(_SEQUENCES) if scope.covers(row[0], row[1])]
    found: list[Sequence] = []
    for start in range(0, len(known), _BATCH):
        batch = known[start : start + _BATCH]
        parts = [
            sql.SQL("SELECT {}::int, last_value, is_called FROM {}").format(
                sql.Literal(index), sql.Identifier(schema, name)
            )
            for index, (schema, name, _) in enumerate(batch)
        ]
        rows = session.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()
        for index, value, called in sorted(rows):
            schema, name, increment = batch[index]
            found.append(Sequence(schema, name, value, called, increment))
    return tuple(found)


def foreign_keys(session: Session, scope: Scope) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of the tables in ``scope``."""
    return tuple(
        ForeignKey((row[0], row[1]), row[2], (row[3], row[4]), row[5], row[6])
        for row in session.execute(_FOREIGN_KEYS)
        if scope.covers(row[0], row[1])
    )


def revision(session: Session, found: Iterable[Table]) -> tuple[str, ...]:
    """Return the Alembic revisions that the database is at, none when it is not managed by Alembic.

    Where several tables hold some (one for each schema, say), they are those of all.
    """
    revisions: set[str] = set()
    for table in found:
        if table.holds_revision:
            query = sql.SQL("SELECT version_num FROM ONLY {}").format(table.identifier)
            revisions |= {str(row[0]) for row in session.execute(query)}
    return tuple(sorted(revisions))
