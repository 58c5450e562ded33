"""Every object of a database, as the server itself names it: what a copy is held against."""

from __future__ import annotations

import psycopg

# Labels are compared with their type, large objects by their contents; neither has a name of this kind.
_WITHOUT_NAMES = "('pg_enum', 'pg_largeobject_metadata')"

_CATALOGS = f"""
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared
  AND c.relname NOT IN {_WITHOUT_NAMES}
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'oid' AND a.attnum > 0)"""  # noqa: S608 - constants only

# Left out: what an extension brings, TOAST, what a constraint has for itself, and the not-null constraints
# that have been objects since version 18.
_OBJECTS = """
SELECT '{catalog}'::regclass::oid::bigint, x.oid::bigint, d.type, d.identity
FROM {catalog} x, pg_identify_object('{catalog}'::regclass, x.oid, 0) d
WHERE x.oid >= 16384 AND coalesce(d.schema, '') !~ '^pg_' AND d.identity IS NOT NULL {own}
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid
                  AND e.deptype = 'e')"""
_OWN = {
    "pg_trigger": "AND NOT x.tgisinternal",
    # An array goes with its elements, and belongs to the extension or not, by version.
    "pg_type": "AND NOT (x.typcategory = 'A' AND x.typelem <> 0)",
    "pg_constraint": "AND x.conparentid = 0 AND x.contype <> 'n'",
    "pg_amop": "AND NOT EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_opfamily'::regclass "
    "AND f.objid = x.amopfamily AND f.deptype = 'e')",
    "pg_amproc": "AND NOT EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_opfamily'::regclass "
    "AND f.objid = x.amprocfamily AND f.deptype = 'e')",
}
_PARTS = """
SELECT classid::bigint, objid::bigint, refclassid::bigint, refobjid::bigint FROM pg_depend
WHERE deptype IN ('i', 'a') AND objid >= 16384"""


def all_objects(session: psycopg.Connection) -> dict[tuple[int, int], tuple[str, str]]:
    """Return (kind, name) of every object, by the numbers of its catalog and its row."""
    session.execute("SET search_path = ''")
    found = {}
    for (catalog,) in session.execute(_CATALOGS).fetchall():
        for row in session.execute(_OBJECTS.format(catalog=catalog, own=_OWN.get(catalog, ""))):
            found[row[0], row[1]] = (row[2], row[3])
    return found


def unaccounted(source_url: str, target_url: str, named: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what only the source has, and is neither ``named`` nor a part of something named."""
    with psycopg.connect(source_url) as source, psycopg.connect(target_url) as target:
        here, there = all_objects(source), set(all_objects(target).values())
        wholes: dict[tuple[int, int], set[tuple[int, int]]] = {}
        for one in source.execute(_PARTS):
            wholes.setdefault((one[0], one[1]), set()).add((one[2], one[3]))
    assert len(here) > 100
    missing = {number for number, name in here.items() if name not in there}
    explained = {number for number in missing if here[number] in named}
    while True:
        more = {one for one in missing - explained if wholes.get(one, set()) & explained}
        if not more:
            return {here[one] for one in missing - explained}
        explained |= more
