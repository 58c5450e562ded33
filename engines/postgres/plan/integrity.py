"""Constraints that rows of the source violate: found before any row is copied, where the check is cheap.

A load with triggers switched off leaves rows that refer to nothing; a function that was replaced leaves rows
that its condition would refuse. The source keeps them; a constraint that is created anew does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg
from psycopg import sql

from engines.errors import ConfigurationError
from engines.postgres.catalog import OWN, Scope
from engines.postgres.plan import guards
from engines.postgres.plan.adjustments import Adjustments
from engines.postgres.session import Session, search_path

# Foreign keys between tables of at most so many bytes are checked here; larger ones when they are created.
LIMIT = 256 << 20
_PATIENCE = "SET LOCAL statement_timeout = '30s'"
# How many keys are asked about at once.
_BATCH = 50

_KEYS = f"""
SELECT n.nspname, c.relname, k.conname, m.nspname, r.relname,
       array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place),
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place),
       array(SELECT format('%I.%s', s.nspname, o.oprname)
             FROM unnest(k.conpfeqop) WITH ORDINALITY u (op, place) JOIN pg_operator o ON o.oid = u.op
             JOIN pg_namespace s ON s.oid = o.oprnamespace ORDER BY u.place)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated AND c.relkind = 'r' AND r.relkind = 'r'
  AND coalesce(to_jsonb(k) ->> 'conperiod', 'false') = 'false'
  AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'
  AND pg_table_size(c.oid) + pg_table_size(r.oid) <= {LIMIT} AND {OWN.format(catalog="pg_class", oid="c.oid")}
ORDER BY 1, 2, 3"""  # noqa: S608 - constants only


def require_kept(session: Session, scope: Scope, adjustments: Adjustments, database: str) -> None:
    """Raise ``ConfigurationError`` about constraints that rows of the source behind ``session`` violate."""
    with search_path.along(session, adjustments.search_path):
        lines = [*_orphans(session, scope), *_refused(session, adjustments)]
    if lines:
        raise ConfigurationError(
            f"rows of the source violate its constraints: {guards.shorten(lines)}",
            subject=database,
            remedy="Correct these rows on the source, or drop the constraint there, or leave the table out.",
            details=lines,
        )


def _orphans(session: Session, scope: Scope) -> Iterator[str]:
    keys = [
        row
        for row in session.execute(_KEYS).fetchall()
        if scope.covers(row[0], row[1]) and scope.covers(row[3], row[4])
    ]
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        queries = (
            sql.SQL("SELECT {}::int, count(*) FROM ").format(sql.Literal(number)) + _without_parent(*row)
            for number, row in enumerate(batch)
        )
        for number, count in _ask(session, sql.SQL(" UNION ALL ").join(queries)):
            if count:
                schema, table, name, *_ = batch[number]
                yield f"foreign key {name} of {schema}.{table}: {count} rows refer to nothing"


def _without_parent(*row: object) -> sql.Composed:
    schema, table, _, parent_schema, parent, columns, referred, operators = row
    pairs = list(zip(_names(columns), _names(referred), _names(operators), strict=True))
    match = sql.SQL(" AND ").join(
        sql.SQL("p.{} OPERATOR({}) c.{}").format(
            sql.Identifier(theirs), sql.SQL(operator), sql.Identifier(own)
        )
        for own, theirs, operator in pairs
    )
    filled = sql.SQL(" AND ").join(
        sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(own)) for own, _, _ in pairs
    )
    return sql.SQL("ONLY {} c WHERE {} AND NOT EXISTS (SELECT FROM ONLY {} p WHERE {})").format(
        sql.Identifier(str(schema), str(table)),
        filled,
        sql.Identifier(str(parent_schema), str(parent)),
        match,
    )


def _names(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _refused(session: Session, adjustments: Adjustments) -> Iterator[str]:
    for one in adjustments.deferred_checks:
        query = sql.SQL("SELECT 0, count(*) FROM {} WHERE NOT ({})").format(
            sql.Identifier(*one.table), sql.SQL(one.expression)
        )
        for _, count in _ask(session, query):
            if count:
                yield f"check {one.name} of {'.'.join(one.table)}: {count} rows do not satisfy it"


def _ask(session: Session, query: sql.Composed) -> Iterable[tuple[int, int]]:
    """Return the rows, or none on a timeout or a failing function: then creating the constraint decides."""
    try:
        with session.transaction(force_rollback=True):
            session.execute(_PATIENCE)
            return [(int(row[0]), int(row[1])) for row in session.execute(query).fetchall()]
    except psycopg.Error:
        if session.closed or session.broken:
            raise
        return []
