"""Large tables in parts: every row is in one of them, whatever the table does meanwhile."""

from __future__ import annotations

import psycopg

from engines.postgres.catalog import chunks
from engines.postgres.catalog.chunks import Chunk, to_copy
from engines.postgres.catalog.relations import Table
from engines.postgres.session import connection

BIG = Table("public", "big", (), bytes=200 * 2**20)


def test_parts_follow_each_other_and_the_last_is_open():
    found = to_copy(BIG, {BIG.key: 1000})
    assert found == (
        Chunk(0, 0, 250, 50 * 2**20),
        Chunk(1, 250, 500, 50 * 2**20),
        Chunk(2, 500, 750, 50 * 2**20),
        Chunk(3, 750, None, 50 * 2**20),
    )
    assert found[0].condition == "ctid < '(250,0)'::tid"
    assert found[1].condition == "ctid >= '(250,0)'::tid AND ctid < '(500,0)'::tid"
    assert found[3].condition == "ctid >= '(750,0)'::tid"


def test_a_table_has_no_more_parts_than_pages_and_one_at_least():
    assert len(to_copy(BIG, {BIG.key: 2})) == 2
    for sizes in ({}, {BIG.key: 0}):
        (whole,) = to_copy(BIG, sizes)
        assert whole.is_whole
        assert whole.condition == "true"


def test_only_tables_larger_than_a_part_are_worth_it(ends, monkeypatch):
    monkeypatch.setattr(chunks, "COPY_BYTES", 300_000)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        session.execute("CREATE TABLE big AS SELECT i FROM generate_series(1, 20000) i")
    with connection.session(ends.source, read_only=True) as session:
        assert chunks.pages(session) == {("public", "big"): 89}
