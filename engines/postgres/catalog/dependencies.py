"""Dependencies between the source's tables, keys and indexes, by the OIDs that pg_dump shows."""

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


# What is computed by functions of the user's own: they may read any table, whatever they are declared as.
# Columns of a domain with such a condition count. An extension's functions compute from what they are given.
_LATE = """
WITH RECURSIVE impure (class, id) AS (
    SELECT 'pg_proc'::regclass::oid, p.oid FROM pg_proc p WHERE p.oid >= 16384 AND NOT EXISTS (
        SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid
        AND e.deptype = 'e')
    UNION
    SELECT x.class, x.id FROM impure i, LATERAL (
        SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = i.class AND d.refobjid = i.id
        AND d.deptype IN ('n', 'a', 'i')
        UNION ALL
        SELECT 'pg_type'::regclass, k.contypid FROM pg_constraint k
        WHERE i.class = 'pg_constraint'::regclass AND k.oid = i.id AND k.contypid <> 0
    ) AS x (class, id) WHERE i.class <> 'pg_class'::regclass
)
SELECT c.oid::bigint, coalesce(k.oid, c.oid)::bigint, c.relkind IN ('i', 'I')
FROM impure i JOIN pg_class c ON i.class = 'pg_class'::regclass AND c.oid = i.id
LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
WHERE c.relkind IN ('r', 'p', 'i', 'I')
UNION
SELECT f.adrelid::bigint, 0, false
FROM impure i JOIN pg_attrdef f ON i.class = 'pg_attrdef'::regclass AND f.oid = i.id
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum WHERE a.attgenerated <> ''"""


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
    """Everything by oid. ``leaves`` are the partitions that hold rows, of every partitioned table.

    ``late_indexes`` and the rows of ``late_tables`` are computed by functions that may read other tables.
    """

    relations: Mapping[int, Name] = field(default_factory=dict)
    leaves: Mapping[Name, tuple[Name, ...]] = field(default_factory=dict)
    roots: frozenset[Name] = frozenset()
    indexes: Mapping[int, Index] = field(default_factory=dict)
    foreign_keys: Mapping[int, tuple[Name, Name]] = field(default_factory=dict)
    late_indexes: frozenset[int] = frozenset()
    late_tables: frozenset[Name] = frozenset()

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
    late = session.execute(_LATE).fetchall()
    return Dependencies(
        relations=relations,
        leaves={
            relations[row[0]]: tuple(relations[leaf] for leaf in row[1] if leaf in relations) for row in trees
        },
        roots=frozenset(relations[row[0]] for row in trees if row[2]),
        indexes={row[0]: _index(row) for row in session.execute(_INDEXES)},
        foreign_keys={row[0]: (relations[row[1]], relations[row[2]]) for row in keys},
        late_indexes=frozenset(row[1] for row in late if row[2]),
        late_tables=frozenset(relations[row[0]] for row in late if not row[2] and row[0] in relations),
    )


def _index(row: TupleRow) -> Index:
    _, size, make, name, full_name, in_two, added, kind, when = row
    if not in_two:
        return Index(size, full_name)
    adopt = f"ADD CONSTRAINT {name} {kind} USING INDEX {name}{when};"
    return Index(size, full_name, make=make, added=added, adopt=adopt)
