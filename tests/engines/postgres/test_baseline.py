"""What a database held, held against what it holds: whatever came in is named, and a fence is nothing."""

from __future__ import annotations

import itertools
import subprocess
import sys
import uuid

import psycopg
import pytest

from engines import fence
from engines.fence import Terms
from engines.postgres import baseline, clone, compare
from engines.postgres.baseline import Baseline
from engines.postgres.plan import CloneOptions
from engines.postgres.session import parse
from engines.runs import Owner

_NUMBERS = itertools.count()
TABLES = """
CREATE TABLE plain (id serial PRIMARY KEY, v text);
CREATE TABLE parts (id int, day int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE TABLE parent (id int);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE VIEW seen AS SELECT id FROM plain;
INSERT INTO plain (v) SELECT i FROM generate_series(1, 10) i;
INSERT INTO parts VALUES (1, 1);
"""


class Pair:
    def __init__(self, server) -> None:
        number = next(_NUMBERS)
        self.server, self.names = server, (f"base_{number}_source", f"base_{number}_target")
        for name in self.names:
            server.create_database(name)
        self.source, self.target = (parse(server.url(name)) for name in self.names)
        self.on(TABLES)

    def on(self, statement: str, side: int = 0) -> None:
        with psycopg.connect(self.server.url(self.names[side]), autocommit=True) as session:
            session.execute(statement)

    def clone(self) -> None:
        clone.clone_database(
            self.source, self.target, CloneOptions(), check=False, emit=lambda *_, **__: None
        )

    def proof(self) -> Baseline:
        """Return the source's baseline as it is kept: from the comparison, through the ledger."""
        found = compare.compare_databases(self.source, self.target, with_baseline=True)
        assert found.equal
        assert found.baseline is not None
        return Baseline.from_dict(found.baseline.to_dict())

    def changes(self, before: Baseline) -> list[str]:
        return [str(one) for one in baseline.changes(before, baseline.take(self.source))]


@pytest.fixture
def pair(postgres_server):
    return Pair(postgres_server)


def test_the_comparison_s_baseline_is_what_the_source_alone_gives(pair: Pair) -> None:
    pair.clone()
    proof = pair.proof()
    assert pair.changes(proof) == []
    pair.on("ALTER TABLE plain ADD COLUMN added int", side=1)
    assert proof == Baseline.from_dict(baseline.take(pair.source).to_dict())


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "INSERT INTO plain (v) VALUES ('a'), ('b')",
            ["table public.plain: 10 rows, now 12", "sequence public.plain_id_seq: at 10, now at 12"],
        ),
        ("UPDATE plain SET v = 'x' WHERE id = 3", ["table public.plain: 10 rows, with other values now"]),
        ("DELETE FROM plain WHERE id < 4", ["table public.plain: 10 rows, now 7"]),
        ("TRUNCATE parts", ["table public.parts_1: 1 rows, now 0"]),
        ("INSERT INTO child VALUES (1, 2)", ["table public.child: 0 rows, now 1"]),
        ("SELECT nextval('plain_id_seq')", ["sequence public.plain_id_seq: at 10, now at 11"]),
        ("SELECT lo_from_bytea(4711, 'x')", ["large objects: 0, now 1"]),
        (
            "CREATE TABLE late (id int)",
            [
                "table public.late: is new, with 0 rows",
                "objects of the kind column: 10, now 11",
                "objects of the kind table: 4, now 5",
            ],
        ),
        (
            "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (5) TO (6)",
            ["table public.parts_2: is new, with 0 rows"],
        ),
        (
            "CREATE OR REPLACE VIEW seen AS SELECT id FROM plain WHERE id > 1",
            ["objects of the kind view definition: 1, defined otherwise now"],
        ),
        (
            "ALTER TABLE plain ALTER COLUMN v SET DEFAULT 'x'",
            ["objects of the kind default: 1, now 2"],
        ),
    ],
)
def test_whatever_came_in_is_named(pair: Pair, statement: str, named: list[str]) -> None:
    before = baseline.take(pair.source)
    pair.on(statement)
    reported = pair.changes(before)
    assert [one for one in named if one not in reported] == [], reported


def test_rows_count_one_by_one(pair: Pair) -> None:
    before = baseline.take(pair.source)
    pair.on("INSERT INTO plain (id, v) SELECT i, i FROM generate_series(100, 111) i")
    pair.on("UPDATE parts SET id = 7")
    found = baseline.changes(before, baseline.take(pair.source))
    assert {one.name: one.weight for one in found} == {"table public.plain": 12, "table public.parts_1": 1}


def test_a_fence_is_neither_copied_nor_compared(pair: Pair) -> None:
    """Neither one that is held, nor what a killed run has left of one."""
    before = baseline.take(pair.source)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as run:
        terms = Terms(f"run-{uuid.uuid4().hex[:8]}", "staging")
        fence.put_up(pair.source, terms, Owner.of(run.pid))
        assert pair.changes(before) == []
        pair.clone()
        assert pair.proof() == before
        with psycopg.connect(pair.server.url(pair.names[1])) as session:
            left = session.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'bmii%'").fetchone()
            assert left == (0,)
            assert session.execute("SELECT to_regnamespace('bmii_migrate_fence')").fetchone() == (None,)
        fence.let_go(terms.run_id)
        run.kill()
