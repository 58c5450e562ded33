"""What an upgraded target's schema must be: the source's, upgraded anew in a scratch database on its server.

The revision that a database claims is a word in a table. What its revisions make of the source's schema is
found out by running them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import psycopg
from psycopg import sql

from engines.postgres import scratch
from engines.postgres.catalog import Database, Objects, database, schema_objects
from engines.postgres.checksum import DatabaseSnapshot
from engines.postgres.copy import Archive, dump_archive, schema_restore
from engines.postgres.plan import Inspection
from engines.postgres.session import Address, Session, client_tools, connection, translated

PURPOSE = "bmii-migrate pg_compare"

# Brings the database at an address to the revisions given, as the target was.
Upgrade = Callable[[Address, tuple[str, ...]], None]


def expected_objects(
    source_session: Session, source: DatabaseSnapshot, target: Address, found: Inspection, upgrade: Upgrade
) -> Objects:
    """Return the objects of the source's schema after ``upgrade`` to the target's revisions.

    Made in a second database on the target's server, which is dropped again. Raises ``EngineError`` when that
    cannot be done: it says nothing about the target.
    """
    stored = dump_archive.dump(
        client_tools.find(found.source.server.major, found.target.server.major),
        source.address,
        source.snapshot,
        schemas=found.scope.schemas,
        excluded=found.scope.excluded,
        compressions=all(one.kind != "compression" for one in found.not_copied),
    )
    with scratch.database(target) as place:
        with connection.session(place, purpose=PURPOSE) as session:
            _restore(session, stored, found)
            _set_revisions(source_session, session, found.source)
            _extend(session, found.target.extensions - found.source.extensions)
        upgrade(place, found.target.revision)
        with connection.session(place, read_only=True, purpose=PURPOSE) as session:
            return schema_objects.read(session, found.scope)


class _Silent:
    """Nobody follows the steps of a scratch database."""

    def __call__(self, kind: str, **fields: object) -> None:
        """Emit nothing."""


def _restore(session: Session, stored: Archive, found: Inspection) -> None:
    script, _ = schema_restore.script_before(stored, database.read(session, found.scope), found)
    schema_restore.create(session, script, found.adjustments)
    schema_restore.add_deferred_checks(session, found)
    rest = schema_restore.entries_after(stored, found)
    schema_restore.restore_rest(session, rest, found.adjustments, _Silent())


def _set_revisions(source: Session, session: Session, found: Database) -> None:
    """Copy the tables that hold revisions: all the rows that a scratch database has."""
    for table in found.tables:
        if table.holds_revision:
            read = sql.SQL("SELECT version_num FROM ONLY {}").format(table.identifier)
            rows = source.execute(read).fetchall()
            write = sql.SQL("INSERT INTO {} (version_num) VALUES (%s)").format(table.identifier)
            with translated(session.info.dbname), session.cursor() as cursor:
                cursor.executemany(write, rows)


def _extend(session: Session, extensions: Iterable[str]) -> None:
    """Create what revisions may rely on, and the target got otherwise."""
    for name in sorted(extensions):
        with suppress(psycopg.Error):
            session.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
