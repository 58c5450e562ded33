"""Objects of the source that cannot be created on a target; ``unsupported`` adds what depends on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engines.postgres.catalog import FIRST_OWN, Capabilities, CatalogId, Scope, locale_name
from engines.postgres.plan import system_columns
from engines.postgres.session import Session, answers

# ruff: noqa: S608 - the parts of these queries are constants

Found = Iterator[tuple[CatalogId, str]]

# (catalog, which rows ``x`` of it, reason): objects that an ordinary role may not create.
_NEED_SUPERUSER: tuple[tuple[str, str, str], ...] = (
    ("pg_am", "true", "access methods are created by a superuser"),
    ("pg_opclass", "true", "operator classes are created by a superuser"),
    ("pg_opfamily", "true", "operator families are created by a superuser"),
    ("pg_ts_parser", "true", "text search parsers are created by a superuser"),
    ("pg_ts_template", "true", "text search templates are created by a superuser"),
    ("pg_foreign_data_wrapper", "true", "foreign-data wrappers are created by a superuser"),
    ("pg_language", "true", "languages are created by a superuser"),
    ("pg_cast", "x.castmethod = 'b'", "casts without a function are created by a superuser"),
    (
        "pg_type",
        "NOT x.typisdefined "
        "OR x.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = x.oid)",
        "base types are created by a superuser",
    ),
    (
        "pg_proc",
        "EXISTS (SELECT FROM pg_language l WHERE l.oid = x.prolang AND NOT l.lanpltrusted) "
        "AND NOT EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = x.oid)",
        "functions in a language that is not trusted are created by a superuser",
    ),
    ("pg_proc", "x.proleakproof", "leakproof functions are created by a superuser"),
    ("pg_proc", "x.prosupport <> 0", "support functions are named by a superuser"),
    (
        "pg_proc",
        "EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = x.oid "
        "AND 'internal'::regtype IN (g.aggtranstype, g.aggmtranstype))",
        "aggregates over the type internal are created by a superuser",
    ),
)

_ROWS = """
SELECT '{catalog}'::regclass::oid::bigint, x.oid::bigint FROM {catalog} x WHERE x.oid >= {first} AND ({which})
AND NOT EXISTS (SELECT FROM pg_depend e
                WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid AND e.deptype IN ('e', 'i'))"""

# What the user does not want: by schema, and for relations by name.
_ELSEWHERE = " UNION ALL ".join(
    f"SELECT '{catalog}'::regclass::oid::bigint, x.oid::bigint, n.nspname, {relation} "
    f"FROM {catalog} x JOIN pg_namespace n ON n.oid = x.{schema} "
    f"WHERE x.oid >= {FIRST_OWN} AND n.nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_depend e "
    f"WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid AND e.deptype = 'e')"
    for catalog, schema, relation in (
        ("pg_class", "relnamespace", "x.relname"),
        ("pg_type", "typnamespace", "''"),
        ("pg_proc", "pronamespace", "''"),
    )
)

_EXTENSIONS = "SELECT 'pg_extension'::regclass::oid::bigint, oid::bigint, extname FROM pg_extension"
_COLLATIONS = """
SELECT 'pg_collation'::regclass::oid::bigint, c.oid::bigint, c.collname, c.collprovider::text,
       coalesce(c.collcollate, ''), c.oid < {first}
FROM pg_collation c
WHERE c.oid >= {first} OR EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass
                                  AND d.refobjid = c.oid AND d.objid >= {first})"""
_SERVERS = """
SELECT 'pg_foreign_server'::regclass::oid::bigint, s.oid::bigint, w.fdwname
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw"""
_FUNCTION_SETTINGS = """
SELECT 'pg_proc'::regclass::oid::bigint, p.oid::bigint, split_part(s, '=', 1)
FROM pg_proc p, unnest(p.proconfig) s WHERE p.oid >= {first}"""
# Wherever it is inside: arrays, domains, composites.
_XML_COLUMNS = """
WITH RECURSIVE kinds (oid) AS (
    SELECT 'xml'::regtype::oid
    UNION
    SELECT t.oid FROM kinds k, pg_type t
    WHERE t.typelem = k.oid OR t.typbasetype = k.oid
       OR t.typrelid IN (SELECT a.attrelid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                         WHERE a.atttypid = k.oid AND a.attnum > 0 AND NOT a.attisdropped)
)
SELECT DISTINCT 'pg_class'::regclass::oid::bigint, a.attrelid::bigint
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.atttypid IN (SELECT oid FROM kinds) AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p') AND c.oid >= {first}"""

# Since these versions a partition's identity is that of the whole, and a dump says what may be null.
_IDENTITY_OF_THE_WHOLE, _NULLS_KEPT = 17, 18
# Tables that are made otherwise than they are: as partitions, or from those that they inherit from.
_OWN_IDENTITY = """
SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relispartition AND a.attidentity <> '' AND NOT a.attisdropped"""
# pg_dump leaves out what a column has inherited, and so that it does not keep it.
_NULL_UNLIKE_PARENT = """
SELECT DISTINCT 'pg_class'::regclass::oid::bigint, c.oid::bigint, a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_inherits i ON i.inhrelid = c.oid
JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
WHERE c.relkind = 'r' AND NOT a.attnotnull AND p.attnotnull AND NOT a.attisdropped AND a.attnum > 0"""


def find(
    session: Session,
    offered: Capabilities,
    installed: frozenset[str],
    scope: Scope,
    target: Session | None = None,
) -> Mapping[CatalogId, str]:
    """Return what cannot be created on a target with ``offered``, each with the first reason.

    ``installed`` are the extensions that the target has: the only ones where some schemas are copied.
    """
    found: dict[CatalogId, str] = {}
    parts = [
        _extensions(session, installed if scope.schemas else frozenset(offered.extensions)),
        _collations(session, offered),
        _settings(session, offered),
        _made_otherwise(session, offered),
        _unwanted(session, scope),
    ]
    if not offered.is_superuser:
        parts += [_superuser(session), _servers(session, offered)]
    if not offered.xml:
        parts.append(_xml(session))
    if target is not None and target.info.server_version // 10000 != session.info.server_version // 10000:
        parts.append(system_columns.find(session, target))
    for part in parts:
        for number, reason in part:
            found.setdefault(number, reason)
    return found


def _unwanted(session: Session, scope: Scope) -> Found:
    if scope.schemas or scope.excluded:
        for catalog, row, schema, relation in session.execute(_ELSEWHERE):
            if not scope.covers(schema, relation):
                yield (catalog, row), "it is not copied"


def _superuser(session: Session) -> Found:
    queries = (
        _ROWS.format(catalog=catalog, which=which, first=FIRST_OWN) for catalog, which, _ in _NEED_SUPERUSER
    )
    for (_, _, reason), rows in zip(_NEED_SUPERUSER, answers(session, queries), strict=True):
        for row in rows:
            yield (row[0], row[1]), reason


def _extensions(session: Session, offered: frozenset[str]) -> Found:
    for catalog, row, name in session.execute(_EXTENSIONS):
        if name not in offered:
            yield (catalog, row), f"the target does not offer the extension {name}"


def _collations(session: Session, offered: Capabilities) -> Found:
    rows = session.execute(_COLLATIONS.format(first=FIRST_OWN))
    for catalog, row, name, provider, locale, is_system in rows:
        reason = _lacks(offered, name, provider, locale, is_system=is_system)
        if reason:
            yield (catalog, row), reason


def _lacks(offered: Capabilities, name: str, provider: str, locale: str, *, is_system: bool) -> str:
    if is_system:
        return "" if name in offered.collations else f"the target has no collation {name}"
    if provider not in offered.providers:
        return "the target was built without ICU" if provider == "i" else "the target does not know its kind"
    if provider == "c" and locale and locale_name(locale) not in offered.locales | {"C", "POSIX"}:
        return f"the target's system has no locale {locale}"
    return ""


def _servers(session: Session, offered: Capabilities) -> Found:
    for catalog, row, wrapper in session.execute(_SERVERS):
        if wrapper not in offered.wrappers:
            yield (catalog, row), f"the target's user may not use the foreign-data wrapper {wrapper}"


def _settings(session: Session, offered: Capabilities) -> Found:
    for catalog, row, setting in session.execute(_FUNCTION_SETTINGS.format(first=FIRST_OWN)):
        if setting in offered.guarded_settings:
            yield (catalog, row), f"the target's user may not set {setting}"


def _made_otherwise(session: Session, offered: Capabilities) -> Found:
    since, major = _IDENTITY_OF_THE_WHOLE, session.info.server_version // 10000
    if offered.major >= since > major:
        for catalog, row, column in session.execute(_OWN_IDENTITY):
            yield (
                (catalog, row),
                f"its column {column} is an identity column of the partition alone, which PostgreSQL {since} "
                "and later refuse: ALTER TABLE … ALTER … DROP IDENTITY on the source",
            )
    if major >= _NULLS_KEPT:
        return
    for catalog, row, column in session.execute(_NULL_UNLIKE_PARENT):
        yield (
            (catalog, row),
            f"its column {column} may be null, unlike in the table it inherits from, which no dump keeps: "
            "ALTER TABLE … ALTER … SET NOT NULL on the source, or DROP NOT NULL of the other",
        )


def _xml(session: Session) -> Found:
    for catalog, row in session.execute(_XML_COLUMNS.format(first=FIRST_OWN)):
        yield (catalog, row), "the target was built without XML"
