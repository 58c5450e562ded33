"""The value that each sequence needs on the target: past every value in use, maybe ahead of the source's own.

A sequence that is behind the column it feeds returns a number that is taken, and the next insert fails. On
the source that may be so for years (rows that were loaded with their numbers); the copy corrects and reports
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from psycopg import sql

from engines.postgres.catalog.relations import Name, Sequence
from engines.postgres.session import Session, search_path

# Columns of whole numbers that a sequence feeds: identity, serial, or nothing but nextval() as default.
_FED = """
SELECT sn.nspname, s.relname, q.seqmin, q.seqmax, q.seqcycle, n.nspname, c.relname, a.attname,
       CASE coalesce(nullif(t.typbasetype, 0), t.oid) WHEN 'int2'::regtype THEN 32767
           WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END
FROM (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
      AND d.objsubid = 0 AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid = 0
) u
JOIN pg_class s ON s.oid = u.sequence AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_class c ON c.oid = u.relation AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = u.number
WHERE coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  AND coalesce(pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\\(''[^()]*''::regclass\\)$', true)"""

# How many columns are asked about at once.
_BATCH = 100


@dataclass(frozen=True)
class FedColumn:
    """A column that a sequence feeds, and the numbers that may come from there."""

    sequence: Name
    table: Name
    column: str
    lowest: int
    highest: int
    cycles: bool


def fed(session: Session) -> tuple[FedColumn, ...]:
    """Return every column that a sequence feeds."""
    return tuple(
        FedColumn(
            (row[0], row[1]), (row[5], row[6]), row[7], max(row[2], -row[8] - 1), min(row[3], row[8]), row[4]
        )
        for row in session.execute(_FED)
    )


def expected(session: Session, sequences: Iterable[Sequence]) -> tuple[Sequence, ...]:
    """Return ``sequences`` of the source behind ``session`` as they have to stand on the target.

    Sequences that cycle stay as they are: they come to values in use by design. ``session`` should be in the
    snapshot whose rows are copied.
    """
    columns: dict[Name, list[FedColumn]] = {}
    for one in fed(session):
        if not one.cycles:
            columns.setdefault(one.sequence, []).append(one)
    chosen = list(sequences)
    asked = [(sequence, column) for sequence in chosen for column in columns.get(sequence.key, ())]
    with search_path.along(session, search_path.expected(session)):
        values = _furthest(session, asked)
    used: dict[Name, list[tuple[FedColumn, int]]] = {}
    for (_, column), value in zip(asked, values, strict=True):
        if value is not None:
            used.setdefault(column.sequence, []).append((column, value))
    return tuple(_expected(one, used.get(one.key, ())) for one in chosen)


def past(sequence: Sequence, value: int, last: int) -> Sequence:
    """Return ``sequence`` moved past ``value`` in its own steps, unless that would take it past ``last``."""
    step = sequence.increment
    behind = value - sequence.next_value
    if behind * step < 0:
        return sequence
    steps = behind // step + 1
    moved = sequence.next_value + (steps - 1) * step
    if (last - moved - step) * step < 0:
        return sequence
    return replace(sequence, last_value=moved, is_called=True)


def raised(before: Iterable[Sequence], after: Iterable[Sequence]) -> Mapping[Sequence, Sequence]:
    """Return the sequences that ``after`` has moved, each with where it has to stand."""
    return {old: new for old, new in zip(before, after, strict=True) if old != new}


def _expected(sequence: Sequence, used: Iterable[tuple[FedColumn, int]]) -> Sequence:
    for one, value in used:
        sequence = past(sequence, value, one.highest if sequence.increment > 0 else one.lowest)
    return sequence


def _furthest(session: Session, asked: list[tuple[Sequence, FedColumn]]) -> list[int | None]:
    """Return of each column the value in use that is furthest along the way of its sequence."""
    found: list[int | None] = []
    for start in range(0, len(asked), _BATCH):
        queries = [
            sql.SQL("SELECT {}, ({})").format(sql.Literal(number), _furthest_of(*one))
            for number, one in enumerate(asked[start : start + _BATCH])
        ]
        rows = session.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()
        ordered = sorted(rows, key=lambda row: int(row[0]))
        found += [None if value is None else int(value) for _, value in ordered]
    return found


def _furthest_of(sequence: Sequence, one: FedColumn) -> sql.Composed:
    """Return the query of the value of ``one`` that is furthest along the way of ``sequence``.

    A value at its very end is passed over: nothing could be drawn after it, and such values are marks.
    """
    column = sql.Identifier(one.column)
    rising = sequence.increment > 0
    return sql.SQL("SELECT {}::bigint FROM {} WHERE {} >= {} AND {} <= {}").format(
        sql.SQL("max({})" if rising else "min({})").format(column),
        sql.Identifier(*one.table),
        column,
        sql.Literal(one.lowest + (0 if rising else 1)),
        column,
        sql.Literal(one.highest - (1 if rising else 0)),
    )
