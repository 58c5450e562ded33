"""The rows of materialised views: kept by the server as those of a table, derived from the rows of others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from engines.postgres.catalog import OWN, Column, Name, Scope, Table
from engines.postgres.checksum import (
    MEASURES,
    ComparableTable,
    DatabaseSnapshot,
    Fingerprint,
    reader,
    row_hash,
    row_text,
)
from engines.postgres.session import PostgresError, Session, settings

_OWN_RELATION = OWN.format(catalog="pg_class", oid="c.oid")

_VIEWS = f"""
SELECT n.nspname, c.relname, pg_table_size(c.oid),
       array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       pg_get_viewdef(c.oid), format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {_OWN_RELATION}
ORDER BY 1, 2"""  # noqa: S608 - constants only


# Functions and words whose results are others in each transaction.
_MOMENT = re.compile(
    r"\b(?:now|random|random_normal|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday"
    r"|gen_random_uuid|uuidv7|nextval|txid_current|pg_current_xact_id|pg_backend_pid)\("
    r"|\b(?:CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP|CURRENT_USER|SESSION_USER)\b"
)


@dataclass(frozen=True)
class View:
    """A materialised view that is filled, as a table, with its query and its quoted name."""

    table: Table
    query: str
    identity: str

    @property
    def depends_on_the_moment(self) -> bool:
        """Whether two refreshes of the same rows give different results."""
        return _MOMENT.search(self.query) is not None


def read(session: Session, scope: Scope) -> dict[Name, View]:
    """Return the materialised views that are filled."""
    return {
        (schema, name): View(Table(schema, name, tuple(map(Column, columns)), 0, size), query, identity)
        for schema, name, size, columns, query, identity in session.execute(_VIEWS)
        if scope.covers(schema, name)
    }


def refreshed(source: DatabaseSnapshot, table: ComparableTable, query: str) -> Fingerprint | None:
    """Return what the rows of a view would be if the source refreshed it now; None when that cannot be had.

    A target refreshes its views when it is filled, so that one that was stale on the source differs.
    """
    try:
        with reader(source) as session:
            own = settings.results_of(session)
            session.execute(settings.local({name: own[name] for name in settings.IN_COMPARISONS}))
            measured = sql.SQL("SELECT {} FROM ({}) AS t").format(
                MEASURES.format(row_hash(row_text(table.columns))), sql.SQL(query.rstrip().rstrip(";"))
            )
            row = session.execute(measured).fetchone()
    except PostgresError:
        return None
    return Fingerprint(int(row[0]), str(row[1])) if row else None


def common(source: Mapping[Name, View], target: Mapping[Name, View]) -> dict[Name, View]:
    """Return the source's views that the target has with the same columns."""
    return {
        key: view
        for key, view in source.items()
        if key in target and view.table.columns == target[key].table.columns
    }
