"""What uses the system's own relations in a way that the target's version does not know any more.

Their columns are others in each major version: ``pg_stat_bgwriter`` lost most of its own in 17. pg_depend has
no rows for what the system brings, so that what is used is looked up in the parsed queries.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from engines.postgres.catalog import FIRST_OWN, CatalogId
from engines.postgres.session import Session, primary, search_path

# ruff: noqa: S608 - the parts of these queries are constants

# Views over nothing but relations of the system: the target can be asked to take them. Until 15 a view names
# itself too.
_ONLY_SYSTEM = f"""
SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, rtrim(pg_get_viewdef(c.oid), '; ')
FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
WHERE c.relkind IN ('v', 'm') AND c.oid >= {FIRST_OWN} AND (
    SELECT bool_and(m[1]::bigint < {FIRST_OWN}) FROM regexp_matches(r.ev_action::text, ':relid (\\d+)', 'g') m
    WHERE m[1]::oid NOT IN (0, c.oid))"""

# Views, rules and function bodies that read relations of the system, with the columns whose names they have.
_MENTIONS = f"""
WITH parsed (class, object, tree, written) AS (
    SELECT 'pg_class'::regclass, c.oid, r.ev_action::text, pg_get_viewdef(c.oid)
    FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
    WHERE c.oid >= {FIRST_OWN}
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, r.ev_action::text || r.ev_qual::text, pg_get_ruledef(r.oid)
    FROM pg_rewrite r WHERE r.oid >= {FIRST_OWN} AND r.rulename <> '_RETURN'
    {{bodies}}
)
SELECT p.class::oid::bigint, p.object::bigint, n.nspname, s.relname, a.attname
FROM parsed p
CROSS JOIN LATERAL (SELECT DISTINCT m[1]::oid FROM regexp_matches(p.tree, ':relid (\\d+)', 'g') m) r (used)
JOIN pg_class s ON s.oid = r.used AND s.oid < {FIRST_OWN}
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE p.written ~ ('\\m' || a.attname || '\\M')
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = p.class AND e.objid = p.object AND e.deptype = 'e')"""
_BODIES = f"""
    UNION ALL
    SELECT 'pg_proc'::regclass, f.oid, f.prosqlbody::text, pg_get_functiondef(f.oid)
    FROM pg_proc f WHERE f.oid >= {FIRST_OWN} AND f.prosqlbody IS NOT NULL"""
_KNOWS_BODIES = 140000
_KNOWN = """
SELECT n.nspname, c.relname, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (%s) AND c.relname = ANY (%s)"""


def find(session: Session, target: Session) -> Iterator[tuple[CatalogId, str]]:
    """Yield what the target would not take, each with the reason; an object may come twice."""
    version = target.info.server_version // 10000
    for catalog, row, query in session.execute(_ONLY_SYSTEM).fetchall():
        try:
            with target.transaction(force_rollback=True):
                target.execute(f"SELECT FROM ({query}) AS q LIMIT 0")
        except (*search_path.NOT_FOUND, psycopg.errors.UndefinedColumn) as error:
            yield (catalog, row), f"PostgreSQL {version} says: {primary(error)}"
        except psycopg.Error:
            # Others, such as a privilege that is missing, are not ours to foresee.
            if target.closed or target.broken:
                raise
    bodies = _BODIES if session.info.server_version >= _KNOWS_BODIES else ""
    mentions = session.execute(_MENTIONS.format(bodies=bodies)).fetchall()
    schemas, relations = {row[2] for row in mentions}, {row[3] for row in mentions}
    known = set(target.execute(_KNOWN, [[*schemas], [*relations]]).fetchall()) if mentions else set()
    for catalog, row, *column in mentions:
        if tuple(column) not in known:
            yield (catalog, row), f"PostgreSQL {version} has no {column[1]}.{column[2]}"
