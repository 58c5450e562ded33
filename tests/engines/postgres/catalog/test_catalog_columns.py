"""Whatever the catalogue knows is compared, or left out for a reason, on PostgreSQL 15 and 18."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import yaml

from engines.postgres.catalog import database_properties, relations, schema_queries
from engines.postgres.diff import access

REASONS = yaml.safe_load((Path(__file__).parent / "catalog_columns.yml").read_text(encoding="utf-8"))
_COLUMNS = """
SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
  AND NOT a.attisdropped"""
_FUNCTION = re.compile(r"^(pg_get_\w+|pg_identify_object|to_jsonb|pg_publication_tables)$")


def read(server):
    """Return the columns of the server's catalogue, and the text of all queries that compare it."""
    with psycopg.connect(server.url()) as session:
        columns = [(row[0], row[1]) for row in session.execute(_COLUMNS)]
        queries = schema_queries.queries(session.info.server_version)
    own = (database_properties._PROPERTIES, relations._TABLES, relations._SEQUENCES, *access._QUERIES)
    return columns, " ".join((*queries, *own))


def reason(table, column):
    """Return what is listed for a column; None when nothing is."""
    listed = REASONS.get(table)
    if listed is None or isinstance(listed, str):
        return listed
    found = [why for names, why in listed.items() if column in names.split(", ")]
    assert len(found) < 2, f"{table}.{column} is listed twice"
    return found[0] if found else None


@pytest.mark.parametrize("server", ["postgres_server", "later_server"])
def test_every_column_is_compared_or_left_out_for_a_reason(servers, server, request):
    columns, text = read(request.getfixturevalue(server))
    words = set(re.findall(r"\w+", text))
    forgotten = [f"{t}.{c}" for t, c in columns if c not in words and reason(t, c) is None]
    assert forgotten == []
    through = {reason(t, c) for t, c in columns} - {None}
    assert {one for one in through if _FUNCTION.match(one)} <= words


def test_what_is_listed_exists(postgres_server, later_server):
    known = {one for server in (postgres_server, later_server) for one in read(server)[0]}
    listed = {
        (table, column)
        for table, columns in REASONS.items()
        if not isinstance(columns, str)
        for names in columns
        for column in names.split(", ")
    }
    assert listed - known == set()
    assert set(REASONS) <= {table for table, _ in known}
