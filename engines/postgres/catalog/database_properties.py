"""Properties of a database apart from its objects: settings, event triggers, its comment, empty schemas.

None of them is copied. Those that only the target has can change results of queries, so they are reported.
"""

from __future__ import annotations

from engines.postgres.catalog.relations import FENCE, RECORD_SCHEMA
from engines.postgres.session import Session, settings

_PROPERTIES = f"""
SELECT 'setting of the database', s FROM pg_db_role_setting r, unnest(r.setconfig) s
WHERE r.setrole = 0 AND r.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'event trigger', evtname FROM pg_event_trigger t WHERE evtenabled <> 'D'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_event_trigger'::regclass
                  AND e.objid = t.oid AND e.deptype = 'e')
UNION ALL
SELECT 'comment of the database', s.description FROM pg_database d JOIN pg_shdescription s
ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
WHERE d.datname = current_database() AND d.datname <> 'postgres'
UNION ALL
SELECT 'empty schema', n.nspname FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public', '{RECORD_SCHEMA}', '{FENCE}')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass
                  AND e.objid = n.oid AND e.deptype = 'e')
ORDER BY 1, 2"""  # noqa: S608 - constants only


def only_on_target(source: Session, target: Session, *, upgraded: bool = False) -> tuple[str, ...]:
    """Return a line for each property that only the database of ``target`` has.

    An ``upgraded`` one may have the most of it by revisions: only what no revision does is returned then.
    """
    on_source = {(row[0], row[1]) for row in source.execute(_PROPERTIES)}
    found = [
        (row[0], row[1]) for row in target.execute(_PROPERTIES) if _matters(row[0], row[1], upgraded=upgraded)
    ]
    return tuple(
        f"{kind} {what}: only on the target" for kind, what in found if (kind, what) not in on_source
    )


def _matters(kind: str, what: str, *, upgraded: bool) -> bool:
    if kind != "setting of the database":
        return not upgraded
    return what.partition("=")[0].lower() in (settings.STOPPING if upgraded else settings.TELLING)
