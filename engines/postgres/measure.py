"""Fingerprints of many tables of one database, and how two sets of them compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from engines.postgres import connection
from engines.postgres.catalog import Name, Table
from engines.postgres.checksum import Fingerprint, fingerprint
from engines.postgres.connection import Address, Session
from engines.postgres.errors import translated
from engines.postgres.parallel import both, each
from engines.postgres.plan import State


def fingerprints(
    address: Address, tables: Iterable[Table], *, snapshot: str, jobs: int
) -> dict[Name, Fingerprint]:
    """Return the fingerprint of each table, over its columns as given, the largest first."""

    @contextmanager
    def reader() -> Iterator[Session]:
        with connection.session(address, read_only=True) as opened, connection.snapshot(opened, snapshot):
            yield opened

    def measured(session: Session, table: Table) -> tuple[Name, Fingerprint]:
        with translated(f"{address} {table}"):
            return table.key, fingerprint(session, table, [column.name for column in table.columns])

    ordered = sorted(tables, key=lambda table: -table.bytes)
    return dict(each(ordered, measured, sessions=reader, jobs=jobs))


def both_sides(
    source: tuple[Address, str], target: tuple[Address, str], tables: Iterable[Table], *, jobs: int
) -> tuple[dict[Name, Fingerprint], dict[Name, Fingerprint]]:
    """Return the fingerprints of ``tables`` in the source and in the target, computed at the same time.

    Each side is an address and the name of an exported snapshot.
    """
    chosen = list(tables)
    return both(
        lambda: fingerprints(source[0], chosen, snapshot=source[1], jobs=jobs),
        lambda: fingerprints(target[0], chosen, snapshot=target[1], jobs=jobs),
    )


def states(
    tables: Iterable[Table],
    comparable: Mapping[Name, Table],
    empty: frozenset[Name],
    measured: tuple[Mapping[Name, Fingerprint], Mapping[Name, Fingerprint]],
) -> dict[Name, State]:
    """Return how each source table's rows compare with the target's.

    ``comparable`` are the tables that both sides have with all columns, ``empty`` those without a row on the
    target, ``measured`` the fingerprints of the source and of the target for the rest.
    """
    found: dict[Name, State] = {}
    for table in tables:
        if table.key not in comparable:
            found[table.key] = "absent"
        elif table.key in empty:
            found[table.key] = "empty"
        else:
            equal = measured[0][table.key] == measured[1][table.key]
            found[table.key] = "equal" if equal else "differs"
    return found


def shared(source: Iterable[Table], target: Iterable[Table]) -> dict[Name, Table]:
    """Return the source's tables that the target has too, with every column."""
    columns = {table.key: {column.name for column in table.columns} for table in target}
    return {
        table.key: table
        for table in source
        if table.key in columns and {column.name for column in table.columns} <= columns[table.key]
    }
