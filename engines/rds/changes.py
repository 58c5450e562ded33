"""Which rows a rollback would lose, bring back and change, table by table."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from psycopg import sql

from engines.postgres import compare_databases
from engines.postgres.diff import Comparison, TableResult, evidence
from engines.postgres.session import Address, connection
from engines.table import table

_HEADER = ("TABLE", "ROWS NOW", "ROWS THEN", "LOST", "BACK", "OTHER VALUES")


def changes(now: Address, then: Address, *, jobs: int) -> tuple[list[str], dict[str, Any]]:
    """Compare the database in use with the restored one; return lines of text and the evidence.

    A row is lost when only the present one has it, and comes back when only the other has it. Large tables
    that differ in many rows say at least how many. Nothing is changed.
    """
    found = compare_databases(now, then, jobs=jobs, examples=1)
    return list(_lines(found, then)), evidence(found, now, then)


def _lines(found: Comparison, then: Address) -> Iterator[str]:
    ranked = sorted(found.tables, key=lambda one: (one.equal, one.table))
    there = {str(one) for one in found.target.tables}
    rows = [_row(one, there) for one in ranked if not one.equal] + [*_dropped(found, then)]
    if rows:
        yield from table(_HEADER, rows)
    equal = sum(one.equal for one in ranked)
    yield f"{equal} of {len(ranked)} tables are equal" if rows else f"all {len(ranked)} tables are equal"
    if found.upgraded:
        revision = ", ".join(found.target.revision)
        yield f"the schema is that of revision {revision}; now it is {', '.join(found.source.revision)}"
    behind = [one.sequence for one in found.sequences if not one.equal]
    if behind:
        yield f"sequences stand elsewhere: {', '.join(behind)}"


def _row(one: TableResult, there: Container[str]) -> tuple[str, ...]:
    now = f"{one.source.rows:,}"
    if one.target is None and one.table in there:
        return (one.table, now, "other columns", "?", "?", "?")
    if one.target is None:
        return (one.table, now, "no such table", now, "0", "0")
    if one.where is None:
        return (one.table, now, f"{one.target.rows:,}", "?", "?", "?")
    least = "" if one.where.exact else "at least "
    counts = (one.where.missing, one.where.extra, one.where.changed)
    return (one.table, now, f"{one.target.rows:,}", *(f"{least if n else ''}{n:,}" for n in counts))


def _dropped(found: Comparison, then: Address) -> Iterator[tuple[str, ...]]:
    """Yield the tables that were there then, and are not any more."""
    known = {one.key for one in found.source.tables}
    # That of the revisions is left out of the comparison where the schema differs.
    gone = [one for one in found.target.tables if one.key not in known and not one.holds_revision]
    if not gone:
        return
    with connection.session(then, read_only=True, purpose="bmii-migrate rollback") as session:
        for one in gone:
            query = sql.SQL("SELECT count(*) FROM ONLY {}").format(one.identifier)
            row = session.execute(query).fetchone()
            rows = f"{int(row[0]) if row else 0:,}"
            yield (str(one), "no such table", rows, "0", rows, "0")
