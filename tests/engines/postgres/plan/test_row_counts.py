"""A plan says how many rows move, not how many the statistics remember."""

from __future__ import annotations

import psycopg

from engines.postgres.plan.row_counts import counted
from engines.postgres.session.connection import parse


def _entry(name, action="copy", **more):
    return {"schema": "public", "name": name, "action": action, "rows": 0, "bytes": 8192, **more}


def test_rows_that_move_are_counted_and_others_are_not(postgres_server):
    postgres_server.create_database("counting")
    with psycopg.connect(postgres_server.url("counting"), autocommit=True) as session:
        session.execute('CREATE TABLE "Odd name" AS SELECT generate_series(1, 7)')
        session.execute("CREATE TABLE kept AS SELECT generate_series(1, 7)")
    source = parse(postgres_server.url("counting"), name="source")
    tables = [_entry("Odd name"), _entry("kept", "keep", rows=3)]

    found = counted(source, tables)
    unread = counted(source, tables, limit=1)

    assert [(one["name"], one["rows"], one["counted"]) for one in found] == [
        ("Odd name", 7, True),
        ("kept", 3, False),
    ]
    assert [(one["rows"], one["counted"]) for one in unread] == [(0, False), (3, False)]
    assert counted(source, []) == []
