"""Everything a plan needs to know of one database, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.postgres.catalog import relations, schema_objects
from engines.postgres.catalog.relations import ForeignKey, Scope, Sequence, Table
from engines.postgres.session import Session

_MAJOR = 10000

_SERVER = """
SELECT current_database(), current_setting('server_encoding'), current_user,
       current_setting('server_version'), pg_postmaster_start_time()::text,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery()"""


@dataclass(frozen=True)
class Server:
    """A database's server. ``started`` distinguishes servers at one address; ``version`` is for display."""

    database: str
    encoding: str
    user: str
    version: str
    started: str
    is_superuser: bool
    major: int
    is_standby: bool = False


@dataclass(frozen=True)
class Database:
    """What a database holds, within a scope; ``sizes`` of the tables are estimates."""

    server: Server
    tables: tuple[Table, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    objects: schema_objects.Objects = field(default_factory=dict)
    revision: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


def server(session: Session) -> Server:
    """Return what is worth knowing of the server behind ``session``."""
    row = session.execute(_SERVER).fetchone() or ("", "", "", "", "", False, False)
    database, encoding, user, version, started, is_superuser, is_standby = row
    major = session.info.server_version // _MAJOR
    return Server(database, encoding, user, version, started, bool(is_superuser), major, bool(is_standby))


def read(session: Session, scope: Scope) -> Database:
    """Read the facts. Run it inside a snapshot where others write."""
    found = relations.tables(session, scope)
    return Database(
        server=server(session),
        tables=found,
        sequences=relations.sequences(session, scope),
        foreign_keys=relations.foreign_keys(session, scope),
        objects=schema_objects.read(session, scope),
        revision=relations.revision(session, found),
        extensions=_names(session, "SELECT extname FROM pg_extension"),
        roles=_names(session, "SELECT rolname FROM pg_roles"),
    )


def _names(session: Session, query: str) -> frozenset[str]:
    return frozenset(str(row[0]) for row in session.execute(query))
