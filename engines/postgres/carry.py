"""What a copy does not take along: it is named, so that nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from engines.postgres.catalog import OWN, ForeignKey, Scope
from engines.postgres.connection import Session
from engines.postgres.facts import Facts
from engines.postgres.schema import Key

_RELATION = OWN.format(catalog="pg_class", oid="c.oid")

# ruff: noqa: S608 - the parts of these queries are constants

# (kind, query of names, reason): what no ordinary role can carry, or what is another tool's business.
_LEFT_BEHIND: tuple[tuple[str, str, str], ...] = (
    (
        "large objects",
        "SELECT count(*)::text FROM pg_largeobject_metadata HAVING count(*) > 0",
        "large objects are not copied; columns that refer to them keep their numbers",
    ),
    ("event trigger", "SELECT evtname FROM pg_event_trigger", "needs a superuser on the target"),
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
    (
        "privileges",
        f"SELECT DISTINCT pg_get_userbyid(g.grantee) FROM pg_class c "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) g "
        f"WHERE g.grantee NOT IN (0, c.relowner) AND {_RELATION} ORDER BY 1",
        "grants are not copied: roles of the target are set up on their own",
    ),
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
)

_OWNERS = f"""
SELECT DISTINCT pg_get_userbyid(c.relowner)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_RELATION} ORDER BY 1"""

_POLICY_ROLES = """
SELECT DISTINCT pg_get_userbyid(r), y.polname
FROM pg_policy y, unnest(y.polroles) r WHERE r <> 0 ORDER BY 1, 2"""


@dataclass(frozen=True)
class NotCarried:
    """Something of the source that the target will not have, and why."""

    kind: str
    name: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """Return the three fields by name."""
        return asdict(self)


def left_behind(session: Session) -> tuple[NotCarried, ...]:
    """Return what a copy of the database behind ``session`` leaves there, whatever the target."""
    return tuple(
        NotCarried(kind, str(row[0]), reason)
        for kind, query, reason in _LEFT_BEHIND
        for row in session.execute(query)
    )


def owners(session: Session) -> tuple[str, ...]:
    """Return the roles that own relations."""
    return tuple(str(row[0]) for row in session.execute(_OWNERS))


def policy_roles(session: Session) -> dict[str, str]:
    """Return the roles that policies name, each with one of those policies."""
    return {str(row[0]): str(row[1]) for row in session.execute(_POLICY_ROLES)}


def changed_owners(names: tuple[str, ...], user: str) -> tuple[NotCarried, ...]:
    """Return the owners whose objects will belong to ``user``."""
    reason = f"objects belong to {user} on the target"
    return tuple(NotCarried("owner", name, reason) for name in names if name != user)


def missing_extensions(source: Facts, offered: frozenset[str], scope: Scope) -> tuple[NotCarried, ...]:
    """Return the extensions of the source that the target cannot have."""
    names = sorted(source.extensions - offered)
    found = [NotCarried("extension", name, "the target does not offer it to this user") for name in names]
    if scope.schemas:
        reason = "extensions belong to the database, and only some schemas are copied"
        found = [NotCarried("extension", name, reason) for name in sorted(source.extensions - {"plpgsql"})]
    return tuple(found)


def outside_keys(source: Facts, scope: Scope) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of copied tables that refer to tables which are not copied."""
    return tuple(key for key in source.foreign_keys if not scope.covers(*key.referred))


def key_objects(keys: tuple[ForeignKey, ...]) -> set[Key]:
    """Return the objects that go with foreign keys: they and their comments."""
    return {Key("foreign key", key.identity) for key in keys} | {Key("comment", key.comment) for key in keys}


def dangling(keys: tuple[ForeignKey, ...]) -> tuple[NotCarried, ...]:
    """Return foreign keys to tables that are not copied, as things not carried."""
    return tuple(
        NotCarried("foreign key", key.identity, f"{'.'.join(key.referred)} is not copied") for key in keys
    )
