"""Objects of the source that the target does not support, why, and what depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engines.errors import ConfigurationError
from engines.postgres.catalog import FIRST_OWN, Capabilities, CatalogId, Name, Scope
from engines.postgres.plan import restrictions, unqualified_names
from engines.postgres.session import Session

_SHOWN = 5
_TABLES = frozenset({"table", "partitioned table"})

_DEPENDENCIES = """
SELECT classid::bigint, objid::bigint, refclassid::bigint, refobjid::bigint
FROM pg_depend WHERE objid >= {first} AND deptype <> 'p'
UNION  -- what a view says, a domain demands, a key is kept by: none is without it
SELECT 'pg_class'::regclass::oid::bigint, r.ev_class::bigint, 'pg_rewrite'::regclass::oid::bigint,
       r.oid::bigint FROM pg_rewrite r
WHERE r.rulename = '_RETURN' AND r.oid >= {first}
UNION
SELECT 'pg_type'::regclass::oid::bigint, k.contypid::bigint, 'pg_constraint'::regclass::oid::bigint,
       k.oid::bigint FROM pg_constraint k
WHERE k.contypid <> 0 AND k.oid >= {first}
UNION
SELECT 'pg_constraint'::regclass::oid::bigint, k.oid::bigint, 'pg_class'::regclass::oid::bigint,
       k.conindid::bigint FROM pg_constraint k
WHERE k.contype IN ('p', 'u', 'x') AND k.oid >= {first}"""

# The role of an object: ``blocks`` says what rows a table holds or accepts, ``named`` is an object that
# people know, ``part`` goes unnamed with what it belongs to.
_DESCRIBE = """
SELECT g.class::bigint, g.object::bigint, d.type, d.identity, coalesce(rn.nspname, d.schema),
       coalesce(r.relname, ''),
       CASE WHEN e.objid IS NOT NULL OR rn.nspname = 'pg_toast' THEN 'part'
            WHEN g.class = 'pg_class'::regclass AND c.relkind IN ('r', 'p') THEN 'blocks'
            WHEN g.class = 'pg_class'::regclass AND i.indisunique AND r.relkind IN ('r', 'p') THEN 'blocks'
            WHEN g.class = 'pg_class'::regclass AND c.relkind IN ('t', 'c', 'S') THEN 'part'
            WHEN g.class = 'pg_trigger'::regclass AND t.tgisinternal OR k.contype = 'f' THEN 'part'
            WHEN g.class = 'pg_rewrite'::regclass AND w.rulename = '_RETURN' THEN 'part'
            WHEN g.class IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass,
                             'pg_policy'::regclass, 'pg_rewrite'::regclass)
                 THEN CASE WHEN r.relkind IN ('r', 'p') THEN 'blocks' ELSE 'part' END
            WHEN g.class IN ('pg_amop'::regclass, 'pg_amproc'::regclass) THEN 'part'
            WHEN g.class = 'pg_type'::regclass AND (y.typrelid <> 0 AND yr.relkind <> 'c'
                 OR y.typtype = 'm' OR y.typcategory = 'A' AND y.typelem <> 0) THEN 'part'
            WHEN g.object < {first} THEN 'part'
            ELSE 'named' END
FROM unnest(%s::bigint[]::oid[], %s::bigint[]::oid[]) AS g (class, object)
CROSS JOIN pg_identify_object(g.class, g.object, 0) d
LEFT JOIN pg_depend e ON e.classid = g.class AND e.objid = g.object AND e.deptype = 'e'
LEFT JOIN pg_class c ON g.class = 'pg_class'::regclass AND c.oid = g.object
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_trigger t ON g.class = 'pg_trigger'::regclass AND t.oid = g.object
LEFT JOIN pg_rewrite w ON g.class = 'pg_rewrite'::regclass AND w.oid = g.object
LEFT JOIN pg_constraint k ON g.class = 'pg_constraint'::regclass AND k.oid = g.object
LEFT JOIN pg_attrdef a ON g.class = 'pg_attrdef'::regclass AND a.oid = g.object
LEFT JOIN pg_policy p ON g.class = 'pg_policy'::regclass AND p.oid = g.object
LEFT JOIN pg_statistic_ext s ON g.class = 'pg_statistic_ext'::regclass AND s.oid = g.object
LEFT JOIN pg_type y ON g.class = 'pg_type'::regclass AND y.oid = g.object
LEFT JOIN pg_class yr ON yr.oid = y.typrelid
LEFT JOIN pg_class r ON r.oid = coalesce(i.indrelid, c.oid, t.tgrelid, w.ev_class, nullif(k.conrelid, 0),
                                         a.adrelid, p.polrelid, s.stxrelid)
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace"""


@dataclass(frozen=True)
class UnsupportedObject:
    """An object that the target cannot have, by name, with the reason; ``table`` is what it belongs to."""

    kind: str
    name: str
    reason: str
    table: Name | None = None


@dataclass(frozen=True)
class Unsupported:
    """What the target cannot have.

    ``numbers`` are all those objects, with their parts, as the source knows them; ``left_out`` those among
    them that a user knows by name; ``blocking`` those without which rows could not be what they are.
    """

    numbers: frozenset[CatalogId] = frozenset()
    left_out: tuple[UnsupportedObject, ...] = ()
    blocking: tuple[UnsupportedObject, ...] = ()


def find(
    session: Session,
    offered: Capabilities,
    installed: frozenset[str],
    scope: Scope,
    target: Session | None = None,
) -> Unsupported:
    """Return what of the source behind ``session`` a target with ``offered`` cannot have.

    ``installed`` are the extensions that the target has already; ``target`` is a session with it, to try
    views over relations of the system.
    """
    reasons = dict(restrictions.find(session, offered, installed, scope, target))
    suspects = unqualified_names.suspects(session)
    if not reasons and not suspects:
        return Unsupported()
    rows = session.execute(_DEPENDENCIES.format(first=FIRST_OWN)).fetchall()
    edges = [((a, b), (c, d)) for a, b, c, d in rows]
    if suspects:
        among = fallout(suspects, edges).keys() - fallout(reasons, edges).keys()
        reasons |= unqualified_names.find(session, among, offered.major)
    return _described(session, reasons, fallout(reasons, edges), scope) if reasons else Unsupported()


def fallout(
    seeds: Iterable[CatalogId], edges: Iterable[tuple[CatalogId, CatalogId]]
) -> dict[CatalogId, CatalogId]:
    """Return every object that cannot be without ``seeds``, each with the one that it depends on at first.

    An edge is an object and one that it depends on. Seeds depend on themselves.
    """
    dependants: dict[CatalogId, list[CatalogId]] = {}
    for object_, needed in edges:
        dependants.setdefault(needed, []).append(object_)
    found = {seed: seed for seed in seeds}
    waiting = list(found)
    while waiting:
        one = waiting.pop()
        for other in dependants.get(one, ()):
            if other not in found:
                found[other] = found[one]
                waiting.append(other)
    return found


def require_none_blocking(limits: Unsupported, database: str) -> None:
    """Raise ``ConfigurationError`` when tables need what the target cannot have."""
    lines = [f"{one.kind} {one.name}: {one.reason}" for one in limits.blocking]
    if lines:
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise ConfigurationError(
            f"it cannot take all of the source's tables: {'; '.join(lines[:_SHOWN])}{more}",
            subject=database,
            remedy=(
                "Provide it on the target, do without it on the source, "
                "or leave these tables out (exclude_tables)."
            ),
            details=lines,
        )


def _described(
    session: Session, reasons: Mapping[CatalogId, str], origins: Mapping[CatalogId, CatalogId], scope: Scope
) -> Unsupported:
    numbers = list(origins)
    parameters = [[one[0] for one in numbers], [one[1] for one in numbers]]
    rows = session.execute(_DESCRIBE.format(first=FIRST_OWN), parameters).fetchall()
    called = {(row[0], row[1]): f"{row[2]} {row[3]}" for row in rows}
    left_out: list[UnsupportedObject] = []
    blocking: list[UnsupportedObject] = []
    for class_, number, kind, name, schema, relation, role in rows:
        if role == "part" or (schema and not scope.covers(schema, relation)):
            continue
        origin = origins[class_, number]
        needs = "" if origin == (class_, number) else f"needs {called[origin]}: "
        table = (schema, relation) if relation else None
        thing = UnsupportedObject(kind, name, needs + reasons[origin], table)
        (blocking if role == "blocks" else left_out).append(thing)
    # A table that is blocked stands for all that belongs to it.
    whole = {one.table for one in blocking if one.kind in _TABLES}
    first = [one for one in blocking if one.kind in _TABLES or one.table not in whole]
    return Unsupported(frozenset(origins), _sorted(left_out), _sorted(first))


def _sorted(things: Iterable[UnsupportedObject]) -> tuple[UnsupportedObject, ...]:
    return tuple(sorted(set(things), key=lambda one: (one.kind, one.name)))
