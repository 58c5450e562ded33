"""Who may do what, and what else is about a database but no part of its data: compared, and reported apart.

Owners, privileges, default privileges, publications and versions of extensions. None of them is copied, so
that they differ as a rule; what differs is shown, and makes no data unequal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engines.postgres.catalog import FIRST_OWN, PUBLIC, Scope
from engines.postgres.session import Session, answers

# (catalog, how its columns begin, which default privileges, condition): everything that belongs to somebody.
_OWNED = (
    ("pg_class", "rel", "CASE relkind WHEN 'S' THEN 's' ELSE 'r' END", "relkind NOT IN ('i', 'I', 't', 'c')"),
    ("pg_proc", "pro", "'f'", "true"),
    ("pg_type", "typ", "'T'", "typtype IN ('d', 'e', 'r') OR typtype = 'b' AND typelem = 0"),
    ("pg_namespace", "nsp", "'n'", "nspname !~ '^pg_'"),
    ("pg_foreign_server", "srv", "'S'", "true"),
)

# ruff: noqa: S608 - the parts of these queries are constants

_OBJECTS = " UNION ALL ".join(
    f"SELECT '{catalog}'::regclass::oid, oid, 0, {own}owner, "
    f'coalesce({own}acl, acldefault(({kind})::"char", {own}owner)) FROM {catalog} '
    f"WHERE (oid >= {FIRST_OWN} OR oid = {PUBLIC} AND '{catalog}' = 'pg_namespace') "
    f"AND ({which})"
    for catalog, own, kind, which in _OWNED
)
_EXTENSIONS_OWN = """
NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e')"""
_OWNERS = f"""
SELECT 'owner', i.type || ' ' || i.identity, coalesce(i.schema, ''), coalesce(i.name, ''),
       pg_get_userbyid(o.owner)::text
FROM ({_OBJECTS}) o (class, oid, part, owner, acl), pg_identify_object(o.class, o.oid, 0) i
WHERE {_EXTENSIONS_OWN}"""
# Of an owner all privileges go without saying. Those of columns are told with their column.
_PRIVILEGES = f"""
SELECT 'privileges', concat(i.type, ' ', i.identity, ' for ', CASE a.grantee WHEN 0 THEN 'PUBLIC'
           ELSE pg_get_userbyid(a.grantee)::text END),
       coalesce(i.schema, ''), coalesce(i.name, ''),
       string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END, ', '
                  ORDER BY a.privilege_type)
FROM ({_OBJECTS} UNION ALL
      SELECT 'pg_class'::regclass::oid, a.attrelid, a.attnum, c.relowner, a.attacl
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.oid >= {FIRST_OWN}
     ) o (class, oid, part, owner, acl), pg_identify_object(o.class, o.oid, o.part) i, aclexplode(o.acl) a
WHERE a.grantee <> o.owner AND {_EXTENSIONS_OWN}
GROUP BY i.type, i.identity, i.schema, i.name, a.grantee"""
_DEFAULTS = """
SELECT 'default privileges', format('%s of %s%s for %s',
           CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END,
           pg_get_userbyid(d.defaclrole), ' in schema ' || n.nspname,
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END),
       coalesce(n.nspname, ''), '', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
GROUP BY 2, 3"""
# Lists of columns, conditions and whole schemas are newer than the oldest server.
_PUBLICATIONS = """
SELECT 'publication', p.pubname, '', '', concat_ws(' ',
           (to_jsonb(p) - 'oid' - 'pubname' - 'pubowner')::text,
           (SELECT string_agg((to_jsonb(t) - 'pubname')::text, ' ' ORDER BY t.schemaname, t.tablename)
            FROM pg_publication_tables t WHERE t.pubname = p.pubname))
FROM pg_publication p"""
_VERSIONS = "SELECT 'version of extension', extname, '', '', extversion FROM pg_extension"
_QUERIES = (_OWNERS, _PRIVILEGES, _DEFAULTS, _PUBLICATIONS, _VERSIONS)
# What of the report of things that are not copied is compared here.
COMPARED = frozenset({"owner", "privileges", "default privileges", "publication", "extension version"})

Facts = Mapping[tuple[str, str], str]


def difference(source: Session, target: Session, scope: Scope) -> tuple[str, ...]:
    """Return a line for each owner, privilege, publication or version that differs."""
    return tuple(lines(_read(source, scope), _read(target, scope)))


def lines(source: Facts, target: Facts) -> Iterable[str]:
    """Yield what differs, in the order of names. Pure."""
    for aspect, name in sorted({*source, *target}):
        on_source, on_target = source.get((aspect, name)), target.get((aspect, name))
        if on_source == on_target:
            continue
        # An object that is missing is a difference of the schema, and has no owner.
        if aspect == "owner" and None in (on_source, on_target):
            continue
        yield f"{aspect}, {name}: {on_source or 'none'} on the source, {on_target or 'none'} on the target"


def _read(session: Session, scope: Scope) -> Facts:
    return {
        (str(aspect), str(name)): str(text)
        for rows in answers(session, _QUERIES)
        for aspect, name, schema, relation, text in rows
        if scope.covers(schema, relation)
    }
