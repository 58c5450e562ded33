"""What is not copied: it is reported, so that nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from engines.postgres.catalog import (
    DISABLED,
    OWN,
    Capabilities,
    Database,
    ForeignKey,
    ObjectKey,
    Objects,
    Scope,
    Sequence,
    capabilities,
)
from engines.postgres.catalog import raised as raised_sequences
from engines.postgres.plan.adjustments import Adjustments
from engines.postgres.plan.unsupported import Unsupported
from engines.postgres.session import Session, answers

_RELATION = OWN.format(catalog="pg_class", oid="c.oid")
_ROUTINE = OWN.format(catalog="pg_proc", oid="p.oid")

# ruff: noqa: S608 - the parts of these queries are constants

# (catalog, owner, grants, which default): everything that privileges are given on. The system's own objects
# have been initialised with some, and so have those of extensions.
_GRANTED = (
    ("pg_class", "relowner", "relacl", "CASE relkind WHEN 'S' THEN 's' ELSE 'r' END"),
    ("pg_proc", "proowner", "proacl", "'f'"),
    ("pg_type", "typowner", "typacl", "'T'"),
    ("pg_namespace", "nspowner", "nspacl", "'n'"),
    ("pg_language", "lanowner", "lanacl", "'l'"),
    ("pg_foreign_data_wrapper", "fdwowner", "fdwacl", "'F'"),
    ("pg_foreign_server", "srvowner", "srvacl", "'S'"),
    ("pg_largeobject_metadata", "lomowner", "lomacl", "'L'"),
)
_ACLS = " UNION ALL ".join(
    f"SELECT '{catalog}'::regclass, oid, 0, {owner}, {acl}, acldefault(({kind})::\"char\", {owner}) "
    f"FROM {catalog}"
    for catalog, owner, acl, kind in _GRANTED
)
# What was given, and what was taken away, compared to how such an object begins.
_PRIVILEGES = f"""
WITH objects (class, oid, part, owner, acl, usual) AS (
    {_ACLS}
    UNION ALL
    SELECT 'pg_class'::regclass, a.attrelid, a.attnum, c.relowner, a.attacl, acldefault('c', c.relowner)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
    UNION ALL
    SELECT 'pg_database'::regclass, oid, 0, datdba, datacl, acldefault('d', datdba)
    FROM pg_database WHERE datname = current_database()
), changed (owner, acl, usual) AS (
    SELECT o.owner, o.acl, coalesce(i.initprivs, o.usual)
    FROM objects o LEFT JOIN pg_init_privs i
    ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.part
    WHERE o.acl IS NOT NULL AND (o.oid >= 16384 OR i.objoid IS NOT NULL OR o.class = 'pg_database'::regclass)
)
SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee)::text END
FROM changed c, LATERAL (
    (SELECT grantee, privilege_type FROM aclexplode(c.acl) EXCEPT
     SELECT grantee, privilege_type FROM aclexplode(c.usual))
    UNION ALL
    (SELECT grantee, privilege_type FROM aclexplode(c.usual) EXCEPT
     SELECT grantee, privilege_type FROM aclexplode(c.acl))
) g WHERE g.grantee <> c.owner ORDER BY 1"""

# (kind, query of names, reason): what no ordinary role can carry, or what is another tool's business.
_LEFT_BEHIND: tuple[tuple[str, str, str], ...] = (
    ("event trigger", "SELECT evtname FROM pg_event_trigger", "needs a superuser on the target"),
    (
        "owner of an event trigger",
        "SELECT format('%s of %s', pg_get_userbyid(evtowner), evtname) FROM pg_event_trigger",
        "its function is called as this superuser",
    ),
    ("publication", "SELECT pubname FROM pg_publication", "replication is set up anew on the target"),
    (
        "subscription",
        "SELECT subname FROM pg_subscription WHERE subdbid = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        "replication is set up anew on the target",
    ),
    (
        "security labels",
        "SELECT count(*)::text FROM pg_seclabel HAVING count(*) > 0",
        "the target may not have the label provider",
    ),
    (
        "rows of a foreign table",
        f"SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f' AND {_RELATION}",
        "they live on another server",
    ),
    (
        "rows of an extension",
        "SELECT extname FROM pg_extension WHERE extconfig IS NOT NULL",
        "tables that belong to an extension are not copied",
    ),
    ("privileges", _PRIVILEGES, "grants are not copied: roles of the target are set up on their own"),
    (
        "default privileges",
        "SELECT DISTINCT pg_get_userbyid(defaclrole) FROM pg_default_acl",
        "grants are not copied: roles of the target are set up on their own",
    ),
    (
        "settings",
        "SELECT concat_ws(' ', 'of the database', "
        "CASE WHEN setrole <> 0 THEN 'for ' || pg_get_userbyid(setrole) END) FROM pg_db_role_setting "
        "WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "ALTER DATABASE … SET is not copied",
    ),
    (
        "settings",
        "SELECT 'of the role ' || pg_get_userbyid(setrole) FROM pg_db_role_setting "
        "WHERE setdatabase = 0 AND setrole <> 0 ORDER BY 1",
        "ALTER ROLE … SET is not copied",
    ),
    (
        "connection limit",
        "SELECT datconnlimit::text FROM pg_database "
        "WHERE datname = current_database() AND datconnlimit <> -1",
        "ALTER DATABASE … CONNECTION LIMIT is not copied",
    ),
    (
        "prepared transaction",
        "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
        "it is not committed, and its locks stay on the source: COMMIT PREPARED or ROLLBACK PREPARED",
    ),
    (
        "replication slot",
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()",
        "replication is set up anew on the target",
    ),
    (
        "comment",
        "SELECT 'of the database' FROM pg_database d JOIN pg_shdescription s "
        "ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass WHERE d.datname = current_database()",
        "the database itself is not copied",
    ),
    (
        "tablespace",
        f"SELECT DISTINCT t.spcname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE {_RELATION} ORDER BY 1",
        "everything comes into the target's own",
    ),
    (
        "user mapping",
        "SELECT format('%s on server %I', usename, srvname) FROM pg_user_mappings",
        "it holds credentials: create it anew on the target",
    ),
    (
        "invalid index",
        f"SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE NOT i.indisvalid AND c.relkind <> 'p' AND {_RELATION}",
        "its building failed or goes on: REINDEX or drop it on the source",
    ),
    (
        "operator",
        "SELECT d.identity FROM pg_operator o, pg_identify_object('pg_operator'::regclass, o.oid, 0) d "
        "WHERE o.oprcode = 0 AND o.oid >= 16384 "
        "AND NOT EXISTS (SELECT FROM pg_operator r WHERE o.oid IN (r.oprcom, r.oprnegate))",
        "it was only announced, and has no function",
    ),
)

# Tables of TOAST, types of arrays and functions of ranges are skipped: they belong to another object.
_SERVING = {
    "pg_class": "AND relnamespace <> 'pg_toast'::regnamespace",
    "pg_type": "AND typtype IN ('e', 'd', 'r')",
}
_OWNED = " UNION ".join(
    f"SELECT {owner} FROM {catalog} x WHERE oid >= 16384 {_SERVING.get(catalog, '')} "
    f"AND NOT EXISTS (SELECT FROM pg_depend e "
    f"WHERE e.classid = '{catalog}'::regclass AND e.objid = x.oid AND e.deptype IN ('e', 'i'))"
    for catalog, owner, _, _ in _GRANTED
)
_OWNERS = f"SELECT pg_get_userbyid(o) FROM ({_OWNED}) AS x (o) ORDER BY 1"

_DEFINERS = f"""
SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       pg_get_userbyid(p.proowner)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND {_ROUTINE} ORDER BY 1"""

_VERSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY 1"

_KNOWS_COMPRESSION = 140000
_METHODS = {"p": "pglz", "l": "lz4"}
_COMPRESSIONS = """
SELECT DISTINCT a.attcompression::text FROM pg_attribute a
WHERE a.attcompression <> '' AND NOT a.attisdropped AND a.attrelid >= 16384"""

_POLICY_ROLES = """
SELECT DISTINCT pg_get_userbyid(r), y.polname
FROM pg_policy y, unnest(y.polroles) r WHERE r <> 0 ORDER BY 1, 2"""


@dataclass(frozen=True)
class NotCopied:
    """Something of the source that the target will not have, and why."""

    kind: str
    name: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return the three fields by name."""
        return asdict(self)


def once(things: Iterable[NotCopied]) -> tuple[NotCopied, ...]:
    """Return ``things`` without those that were named before, perhaps for another reason."""
    found: dict[tuple[str, str], NotCopied] = {}
    for one in things:
        found.setdefault((one.kind, one.name), one)
    return tuple(found.values())


def left_behind(session: Session) -> tuple[NotCopied, ...]:
    """Return what a copy of the database behind ``session`` leaves there, whatever the target."""
    found = answers(session, (query for _, query, _ in _LEFT_BEHIND))
    return tuple(
        NotCopied(kind, str(row[0]), reason)
        for (kind, _, reason), rows in zip(_LEFT_BEHIND, found, strict=True)
        for row in rows
    )


def objects_of_no_schema(count: int, scope: Scope) -> tuple[NotCopied, ...]:
    """Return the large objects, as one thing, when they are not copied."""
    if not count or not scope.schemas:
        return ()
    return (NotCopied("large objects", str(count), "they are in no schema, and only some are copied"),)


def owners(session: Session) -> tuple[str, ...]:
    """Return the roles that own something."""
    return tuple(str(row[0]) for row in session.execute(_OWNERS))


def policy_roles(session: Session) -> dict[str, str]:
    """Return the roles that policies name, each with one of those policies."""
    return {str(row[0]): str(row[1]) for row in session.execute(_POLICY_ROLES)}


def changed_owners(names: tuple[str, ...], user: str) -> tuple[NotCopied, ...]:
    """Return the owners whose objects will belong to ``user``."""
    reason = f"objects belong to {user} on the target"
    return tuple(NotCopied("owner", name, reason) for name in names if name != user)


def definers(session: Session, user: str) -> tuple[NotCopied, ...]:
    """Return the functions that work with their owner's privileges, where that will be ``user``."""
    return tuple(
        NotCopied(
            "owner of a security definer function",
            f"{name} of {owner}",
            f"it works with the privileges of {user} on the target",
        )
        for name, owner in session.execute(_DEFINERS)
        if owner != user
    )


def disabled(objects: Objects) -> tuple[NotCopied, ...]:
    """Return the constraints whose triggers are switched off on the source."""
    reason = "its triggers are off on the source, and on in a copy: ALTER TABLE … DISABLE TRIGGER ALL"
    return tuple(NotCopied(DISABLED, key.name, reason) for key in objects if key.kind == DISABLED)


def left_out(limits: Unsupported) -> tuple[NotCopied, ...]:
    """Return what the target cannot have, as things not carried."""
    return tuple(NotCopied(one.kind, one.name, one.reason) for one in limits.left_out)


def other_versions(session: Session, offered: Capabilities) -> tuple[NotCopied, ...]:
    """Return the extensions of the source that come to the target in another version."""
    return tuple(
        NotCopied("extension version", f"{name} {version}", f"the target has {offered.extensions[name]}")
        for name, version in session.execute(_VERSIONS)
        if name in offered.extensions and offered.extensions[name] != version
    )


def other_locale(session: Session, offered: Capabilities) -> tuple[NotCopied, ...]:
    """Return the locale of the source's database if the target's is another one."""
    on_source = capabilities.locale(session)
    if on_source == offered.locale:
        return ()
    reason = f"the target's is {offered.locale}: texts may sort otherwise"
    return (NotCopied("locale of the database", on_source, reason),)


def compressions(session: Session, offered: Capabilities) -> tuple[NotCopied, ...]:
    """Return the methods of compression that columns ask for and the target does not know."""
    if session.info.server_version < _KNOWS_COMPRESSION:
        return ()
    asked = {_METHODS.get(str(row[0]), str(row[0])) for row in session.execute(_COMPRESSIONS)}
    reason = "the target was built without it: values are compressed in its own way"
    return tuple(NotCopied("compression", name, reason) for name in sorted(asked - offered.compressions))


def forced(adjustments: Adjustments, user: str) -> tuple[NotCopied, ...]:
    """Return the tables whose row-level security will not bind the owner."""
    reason = (
        f"{user} will own the table and could not read it any more: to compare it, the role needs BYPASSRLS"
    )
    return tuple(NotCopied(one.key.kind, one.key.name, reason) for one in adjustments.forced)


def raised(before: Iterable[Sequence], after: Iterable[Sequence]) -> tuple[NotCopied, ...]:
    """Return where sequences stand on the source that are behind the columns they feed."""
    return tuple(
        NotCopied(
            "position of a sequence",
            f"{old.schema}.{old.name}",
            f"{old.next_value} comes next there, behind numbers in use: {new.next_value} on the target",
        )
        for old, new in raised_sequences(before, after).items()
    )


def outside_keys(source: Database, scope: Scope) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of copied tables that refer to tables which are not copied."""
    return tuple(key for key in source.foreign_keys if not scope.covers(*key.referred))


def key_objects(keys: tuple[ForeignKey, ...]) -> set[ObjectKey]:
    """Return the objects that go with foreign keys: they and their comments."""
    return {ObjectKey("foreign key", key.identity) for key in keys} | {
        ObjectKey("comment", key.comment) for key in keys
    }


def dangling(keys: tuple[ForeignKey, ...]) -> tuple[NotCopied, ...]:
    """Return foreign keys to tables that are not copied, as things not carried."""
    return tuple(
        NotCopied("foreign key", key.identity, f"{'.'.join(key.referred)} is not copied") for key in keys
    )
