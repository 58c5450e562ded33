"""Where two versions of a table differ, found by asking both servers for sums over ever fewer rows.

A table with a key is cut into slices of the key's first column; the slices whose sums differ (or a table
without a key) into buckets by hash. Only keys and row hashes of differing buckets leave the servers: about
``ROWS`` a side at most, after at most three reads of the table and a sample for the slices' bounds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from engines.postgres.checksum import (
    MEASURES,
    NOTHING,
    ComparableTable,
    DatabaseSnapshot,
    Fingerprint,
    LeadingColumn,
    ScanPart,
    TableLayout,
    key_columns,
    parallel_scan,
    row_hash,
    row_text,
    table_layout,
)
from engines.postgres.diff import row_diff
from engines.postgres.diff.row_diff import RowDifferences
from engines.postgres.session import Session, run_both

SLICES = 256
# Differing slices that are bisected; of the others only the bounds are reported.
LOOKED_INTO = 8
# Rows that are compared one by one, and how many of them a slice or a bucket should hold.
ROWS = 10_000
_FEW = 500
_MOST_BUCKETS = 1 << 16
_SAMPLE = 100_000
_ALL = sql.SQL("true")

Answers = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
Sums = dict[int, Fingerprint]


@dataclass(frozen=True)
class _Reading:
    """How one table is read: on both sides, by which key, with how many sessions a side."""

    source: DatabaseSnapshot
    target: DatabaseSnapshot
    table: ComparableTable
    key: tuple[str, ...]
    jobs: int

    @property
    def row(self) -> sql.Composable:
        """The hash of a row."""
        return row_hash(row_text(self.table.columns))

    @property
    def bucket(self) -> sql.Composable:
        """The hash that puts rows into buckets: of the key, or of the row where there is none."""
        forms = dict(self.table.columns)
        return row_hash(row_text((name, forms[name]) for name in self.key)) if self.key else self.row

    def ask(self, query: Callable[[sql.Composable], sql.Composed], where: sql.Composable) -> Answers:
        """Run ``query`` of a condition on both sides at the same time.

        In parts, unless ``where`` chooses rows by a key, which an index may find.
        """

        def side(address: DatabaseSnapshot, size: TableLayout) -> list[tuple[Any, ...]]:
            cut: Iterable[ScanPart] = table_layout.parts(self.table.table, self.table.columns, size)
            if where is not _ALL:
                cut = [ScanPart(self.table.table, self.table.columns)]

            def asked(part: ScanPart) -> sql.Composed:
                return query(sql.SQL("({}) AND {}").format(where, part.where))

            return [
                row for _, rows in parallel_scan.scan(address, cut, asked, jobs=self.jobs) for row in rows
            ]

        return run_both(
            lambda: side(self.source, self.table.source), lambda: side(self.target, self.table.target)
        )

    def sums(self, group: sql.Composable, where: sql.Composable) -> tuple[Sums, Sums]:
        """Return the fingerprints of the groups of rows that ``group``, an expression of a number, makes."""

        def query(condition: sql.Composable) -> sql.Composed:
            return sql.SQL("SELECT {}, {} FROM ONLY {} AS t WHERE {} GROUP BY 1").format(
                group, MEASURES.format(self.row), self.table.table.identifier, condition
            )

        source, target = self.ask(query, where)
        return _merged(source), _merged(target)

    def rows(self, where: sql.Composable, chosen: sql.Composable) -> tuple[row_diff.Rows, row_diff.Rows]:
        """Return keys and hashes of the rows that ``chosen`` and ``where`` name."""
        values = sql.SQL(", ").join(
            sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in self.key
        )
        named = sql.SQL("ARRAY[{}]::text[]").format(values)

        def query(condition: sql.Composable) -> sql.Composed:
            return sql.SQL("SELECT {}, {}, count(*) FROM ONLY {} AS t WHERE {} AND {} GROUP BY 1, 2").format(
                named, self.row, self.table.table.identifier, condition, chosen
            )

        source, target = self.ask(query, where)
        return _by_key(source), _by_key(target)


def locate(
    source: DatabaseSnapshot,
    target: DatabaseSnapshot,
    table: ComparableTable,
    *,
    rows: int,
    jobs: int,
    shown: int,
) -> RowDifferences:
    """Return where the rows of a table differ.

    ``rows`` is how many the larger side has; at most ``shown`` ranges and examples are named.
    """
    with parallel_scan.reader(source) as session:
        key = key_columns.columns(session, table)
        leading = key_columns.leading(table, key)
        bounds = _bounds(session, table, leading, rows) if leading else []
    reading = _Reading(source, target, table, key, jobs)
    if not leading or not bounds:
        found, exact = _look(reading, _ALL, rows)
        return row_diff.describe(*found, key, exact=exact, shown=shown)
    sums = reading.sums(_slice(leading, bounds), _ALL)
    slices = row_diff.differing(*sums)
    looked = slices[:LOOKED_INTO]
    where = sql.SQL(" OR ").join(_between(leading, bounds, run) for run in row_diff.runs(looked))
    most = max(sum(side[number].rows for number in looked if number in side) for side in sums)
    found, exact = _look(reading, where, most)
    reported = row_diff.describe(*found, key, exact=exact and looked == slices, shown=shown)
    return replace(reported, ranges=row_diff.ranges(*sums, bounds, shown))


def _look(
    reading: _Reading, where: sql.Composable, rows: int
) -> tuple[tuple[row_diff.Rows, row_diff.Rows], bool]:
    """Return the rows that differ where ``where`` says, and whether these are all of them."""
    if rows <= ROWS:
        return reading.rows(where, _ALL), True
    number = min(_MOST_BUCKETS, 1 << (rows // _FEW).bit_length())
    bucket = sql.SQL("({} & {})").format(reading.bucket, sql.Literal(number - 1))
    sums = reading.sums(bucket, where)
    differ = row_diff.differing(*sums)
    chosen = row_diff.within(*sums, differ, ROWS)
    named = sql.SQL("{} = ANY ({}::bigint[])").format(bucket, sql.Literal(chosen))
    return reading.rows(where, named), chosen == differ


def _bounds(session: Session, table: ComparableTable, leading: LeadingColumn, rows: int) -> list[str]:
    """Return where slices of about equal size begin, as text, from a sample of the source's rows."""
    number = min(SLICES, rows // _FEW)
    if number < 2:  # noqa: PLR2004 - a single slice has no bounds
        return []
    percent = min(100.0, 100.0 * _SAMPLE / rows)
    query = sql.SQL(
        "SELECT (percentile_disc({}::float8[]) WITHIN GROUP (ORDER BY {}))::text[] "
        "FROM ONLY {} AS t TABLESAMPLE SYSTEM ({}) REPEATABLE (1)"
    ).format(
        sql.Literal([place / number for place in range(1, number)]),
        leading.expression,
        table.table.identifier,
        sql.Literal(percent),
    )
    row = session.execute(query).fetchone()
    return list(dict.fromkeys(row[0])) if row and row[0] else []


def _slice(leading: LeadingColumn, bounds: list[str]) -> sql.Composable:
    return sql.SQL("pg_catalog.width_bucket({}, {}::text[]::{})").format(
        leading.expression, sql.Literal(bounds), sql.SQL(f"{leading.type}[]")
    )


def _between(leading: LeadingColumn, bounds: list[str], run: tuple[int, int]) -> sql.Composable:
    """Return the condition that a row lies in the slices from the first to the last of ``run``."""
    first, last = run
    kind = sql.SQL(leading.type)
    limits: list[sql.Composable] = [_ALL]
    if first:
        limits.append(
            sql.SQL("{} >= {}::{}").format(leading.expression, sql.Literal(bounds[first - 1]), kind)
        )
    if last < len(bounds):
        limits.append(sql.SQL("{} < {}::{}").format(leading.expression, sql.Literal(bounds[last]), kind))
    return sql.SQL("({})").format(sql.SQL(" AND ").join(limits))


def _merged(rows: Iterable[tuple[Any, ...]]) -> Sums:
    found: Sums = {}
    for number, count, total in rows:
        found[int(number)] = found.get(int(number), NOTHING) + Fingerprint(int(count), str(total))
    return found


def _by_key(rows: Iterable[tuple[Any, ...]]) -> row_diff.Rows:
    found: defaultdict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
    for values, number, count in rows:
        found[tuple(values)][int(number)] += int(count)
    return found
