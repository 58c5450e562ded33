"""How the source's tables, keys and indexes hang together, by their numbers there, as pg_dump names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from psycopg.rows import TupleRow

from engines.postgres.catalog.relations import Name
from engines.postgres.session import Session

_RELATIONS = """
SELECT c.oid::bigint, n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"""

_LEAVES = """
SELECT c.oid::bigint, array_agg(t.relid::bigint), bool_or(NOT c.relispartition)
FROM pg_class c, pg_partition_tree(c.oid) t WHERE c.relkind = 'p' AND t.isleaf GROUP BY 1"""

_INDEXES = """
SELECT coalesce(k.oid, i.indexrelid)::bigint, pg_relation_size(i.indexrelid),
       pg_get_indexdef(i.indexrelid), quote_ident(x.relname), format('%I.%I', n.nspname, x.relname),
       coalesce(k.contype IN ('p', 'u') AND c.relkind = 'r', false),
       CASE WHEN k.oid IS NULL THEN '' ELSE
           format('ADD CONSTRAINT %I %s;', k.conname, pg_get_constraintdef(k.oid)) END,
       coalesce(CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, ''),
       coalesce(CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
                || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END, '')
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = x.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE i.indexrelid >= 16384"""

_FOREIGN_KEYS = (
    "SELECT oid::bigint, conrelid::bigint, confrelid::bigint FROM pg_constraint WHERE contype = 'f'"
)


@dataclass(frozen=True)
class Index:
    """An index of the source, ``size`` in bytes.

    For a key of a table ``added`` is how a statement adds it at once, and ``make`` and ``adopt`` are the two
    that build the index first (which others may do at the same time) and then make it the key (an instant).
    """

    size: int
    name: str
    make: str = ""
    added: str = ""
    adopt: str = ""


@dataclass(frozen=True)
class Dependencies:
    """Everything by oid. ``leaves`` are the partitions that hold rows, of every partitioned table."""

    relations: Mapping[int, Name] = field(default_factory=dict)
    leaves: Mapping[Name, tuple[Name, ...]] = field(default_factory=dict)
    roots: frozenset[Name] = frozenset()
    indexes: Mapping[int, Index] = field(default_factory=dict)
    foreign_keys: Mapping[int, tuple[Name, Name]] = field(default_factory=dict)

    def rows_of(self, name: Name) -> tuple[Name, ...]:
        """Return the tables in which the rows of ``name`` are: itself, or its partitions."""
        return self.leaves.get(name, (name,))

    def roots_of(self, names: Iterable[Name]) -> set[Name]:
        """Return the partitioned tables at the top of the trees that ``names`` are in."""
        rows = {leaf for name in names for leaf in self.rows_of(name)}
        return {root for root in self.roots if not rows.isdisjoint(self.rows_of(root))}


def read(session: Session) -> Dependencies:
    """Read the structure of the database behind ``session``, the source."""
    relations = {row[0]: (row[1], row[2]) for row in session.execute(_RELATIONS)}
    trees = [row for row in session.execute(_LEAVES) if row[0] in relations]
    keys = [row for row in session.execute(_FOREIGN_KEYS) if row[1] in relations and row[2] in relations]
    return Dependencies(
        relations=relations,
        leaves={
            relations[row[0]]: tuple(relations[leaf] for leaf in row[1] if leaf in relations) for row in trees
        },
        roots=frozenset(relations[row[0]] for row in trees if row[2]),
        indexes={row[0]: _index(row) for row in session.execute(_INDEXES)},
        foreign_keys={row[0]: (relations[row[1]], relations[row[2]]) for row in keys},
    )


def _index(row: TupleRow) -> Index:
    _, size, make, name, full_name, in_two, added, kind, when = row
    if not in_two:
        return Index(size, full_name)
    adopt = f"ADD CONSTRAINT {name} {kind} USING INDEX {name}{when};"
    return Index(size, full_name, make=make, added=added, adopt=adopt)
