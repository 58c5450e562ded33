"""What a target cannot compute, because a function names something without its schema.

Until PostgreSQL 16 an index is built, and a view filled, along the session's search path; later versions do
both along a path of their own that holds the system's schema alone. What that means is found out by trying:
what needs such a function is computed over a few rows of the source, as the target would.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psycopg

from engines.postgres.catalog import FIRST_OWN, CatalogId
from engines.postgres.session import Session, primary, search_path

# ruff: noqa: S608 - the parts of these queries are constants

_OWN_PATH_SINCE = 17
_KNOWS_EXPRESSIONS = 140000
_ROWS = 1000
_PATIENCE = "SET LOCAL statement_timeout = '10s'"
# Seconds for all of them. What was not tried by then is found out when it is created: a copy says so then.
_ALL_PATIENCE = 120.0

# Functions whose bodies are text, in which names are looked up when they run.
_SUSPECTS = f"""
SELECT 'pg_proc'::regclass::oid::bigint, p.oid::bigint
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= {FIRST_OWN} AND l.lanname NOT IN ('internal', 'c') {{parsed}}
  AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s LIKE 'search\\_path=%')"""

# Views that pass a query as text to a function of the system: names in it are looked up then.
_TEXT_QUERIES = f"""
SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint FROM pg_class c
WHERE c.relkind = 'm' AND c.relispopulated AND c.oid >= {FIRST_OWN} AND pg_get_viewdef(c.oid) ~
  '\\m(ts_stat|ts_rewrite|query_to_xml|query_to_xmlschema|query_to_xml_and_xmlschema|table_to_xml)\\('"""

_TABLE = "format('%I.%I', n.nspname, c.relname)"
_RELATION = "JOIN pg_class c ON c.oid = {} JOIN pg_namespace n ON n.oid = c.relnamespace"
_VALUE = "SELECT num_nulls(%s) FROM %s LIMIT {rows}"

# A row for which no table is read. A plan that reads one looks at all of its indexes, and stops at names that
# another one's functions do not find.
_NO_ROW = "(SELECT (r).* FROM (SELECT NULL::{table} AS r OFFSET 0) AS one OFFSET 0) AS row"

# (the server computes it along a path of its own, query): catalog, object, what shows whether it works, and
# the table whose rows that reads.
_PROBES = (
    (
        True,
        f"SELECT 'pg_class'::regclass::oid::bigint, i.indexrelid::bigint, format('{_VALUE}', "
        f"concat_ws(', ', pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)), "
        f"{_TABLE}), {_TABLE} "
        f"FROM pg_index i {_RELATION.format('i.indrelid')} WHERE coalesce(i.indexprs, i.indpred) IS NOT NULL",
    ),
    (
        True,
        "SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, "
        "format('SELECT num_nulls(probe) FROM (%s) AS probe LIMIT {rows}', "
        "rtrim(pg_get_viewdef(c.oid), ';')), '' "
        "FROM pg_class c WHERE c.relkind = 'm' AND c.relispopulated",
    ),
    (
        False,
        f"SELECT 'pg_attrdef'::regclass::oid::bigint, d.oid::bigint, "
        f"format('{_VALUE}', pg_get_expr(d.adbin, d.adrelid), {_TABLE}), {_TABLE} FROM pg_attrdef d "
        f"JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
        f"{_RELATION.format('d.adrelid')} WHERE a.attgenerated = 's'",
    ),
    (
        False,
        f"SELECT 'pg_constraint'::regclass::oid::bigint, k.oid::bigint, "
        f"format('{_VALUE}', pg_get_expr(k.conbin, k.conrelid), {_TABLE}), {_TABLE} FROM pg_constraint k "
        f"{_RELATION.format('k.conrelid')} WHERE k.contype = 'c' AND k.convalidated",
    ),
    (
        False,
        f"SELECT 'pg_type'::regclass::oid::bigint, t.oid::bigint, format('{_VALUE}', "
        f"format('(%I::%s)::%s', a.attname, format_type(t.typbasetype, t.typtypmod), t.oid::regtype), "
        f"{_TABLE}), {_TABLE} "
        f"FROM pg_attribute a {_RELATION.format('a.attrelid')} JOIN pg_type t ON t.oid = a.atttypid "
        f"WHERE t.typtype = 'd' AND c.relkind = 'r' AND NOT a.attisdropped",
    ),
)
_STATISTICS = (
    True,
    f"SELECT 'pg_statistic_ext'::regclass::oid::bigint, s.oid::bigint, format('{_VALUE}', "
    f"array_to_string(pg_get_statisticsobjdef_expressions(s.oid), ', '), {_TABLE}), {_TABLE} "
    f"FROM pg_statistic_ext s {_RELATION.format('s.stxrelid')} WHERE s.stxexprs IS NOT NULL",
)


@dataclass(frozen=True)
class _Probe:
    number: CatalogId
    statement: str
    table: str
    path: str

    @property
    def without_rows(self) -> str:
        """The same over a row of nothing, for which no table is read."""
        head, _, tail = self.statement.rpartition(f" FROM {self.table} LIMIT ")
        return f"{head} FROM {_NO_ROW.format(table=self.table)} LIMIT {tail}"


def suspects(session: Session) -> tuple[CatalogId, ...]:
    """Return what may rely on the search path: functions, and views with a query in a text."""
    parsed = "AND p.prosqlbody IS NULL" if session.info.server_version >= _KNOWS_EXPRESSIONS else ""
    queries = (_SUSPECTS.format(parsed=parsed), _TEXT_QUERIES)
    return tuple((row[0], row[1]) for query in queries for row in session.execute(query))


def find(session: Session, among: Iterable[CatalogId], target_major: int) -> Iterator[tuple[CatalogId, str]]:
    """Yield those of the objects ``among`` that a target of ``target_major`` cannot compute, with reasons.

    ``session`` is one with the source, inside a transaction.
    """
    own_path = target_major >= _OWN_PATH_SINCE
    chosen = frozenset(among)
    deadline = time.monotonic() + _ALL_PATIENCE
    for probe in _probes(session, own_path=own_path):
        if time.monotonic() > deadline:
            return
        if probe.number in chosen and (said := _try(session, probe)):
            remedy = (
                f"PostgreSQL {target_major} computes it along no path: ALTER FUNCTION … SET search_path"
                if own_path and not probe.path
                else "it relies on a search_path: ALTER FUNCTION … SET search_path, or ALTER DATABASE …"
            )
            yield probe.number, f"{said} ({remedy} on the source)"


def _probes(session: Session, *, own_path: bool) -> Iterator[_Probe]:
    path = search_path.expected(session)
    known = session.info.server_version >= _KNOWS_EXPRESSIONS
    for by_server, query in (*_PROBES, *([_STATISTICS] if known else [])):
        rows = session.execute(query.replace("{rows}", str(_ROWS))).fetchall()
        for catalog, number, statement, table in rows:
            yield _Probe((catalog, number), statement, table, "" if by_server and own_path else path)


def _try(session: Session, probe: _Probe) -> str:
    """Return what the server does not find; other failures are not ours to foresee."""
    said = _run(session, probe, probe.statement)
    if said and probe.table and _run(session, probe, f"SELECT FROM {probe.table} LIMIT 1"):
        # The table cannot be read at all: for an index that is perhaps another one.
        said = _run(session, probe, probe.without_rows)
    return said


def _run(session: Session, probe: _Probe, statement: str) -> str:
    try:
        with session.transaction(force_rollback=True):
            session.execute(_PATIENCE)
            session.execute(search_path.setting(probe.path))
            session.execute(statement)
    except search_path.NOT_FOUND as error:
        return primary(error)
    except psycopg.Error:
        if session.closed or session.broken:
            raise
    return ""
