"""Rows that a constraint would refuse are told before any row moves, with the constraint and their number."""

from __future__ import annotations

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan import integrity
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session.errors import PostgresError

MADE = """
CREATE TABLE parent (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE child (id int PRIMARY KEY, a int, b text, FOREIGN KEY (a, b) REFERENCES parent);
INSERT INTO parent VALUES (1, 'x'); INSERT INTO child VALUES (1, 1, 'x'), (2, NULL, 'y'), (3, 7, NULL);
CREATE FUNCTION ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE kept (n int CHECK (public.ok(n))); INSERT INTO kept VALUES (1), (9), (NULL);
"""
ORPHANS = (
    "ALTER TABLE child DISABLE TRIGGER ALL; INSERT INTO child VALUES (4, 9, 'z'), (5, 1, 'z'); "
    "ALTER TABLE child ENABLE TRIGGER ALL"
)
REPLACED = "CREATE OR REPLACE FUNCTION ok(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 5'"


@pytest.fixture
def ends(databases):
    made = databases(hostile=False)
    on(made.source_url, MADE)
    return made


def on(url, statements):
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(statements)


def run(ends, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=False, emit=emit)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (ORPHANS, "foreign key child_a_b_fkey of public.child: 2 rows refer to nothing"),
        (REPLACED, "check kept_n_check of public.kept: 1 rows do not satisfy it"),
    ],
)
def test_what_violates_a_constraint_is_refused_before_rows_move(ends, change, says, check):
    on(ends.source_url, change)
    with pytest.raises(ConfigurationError) as refused:
        clone_database(ends.source, ends.target, CloneOptions(), check=check, emit=emit)
    assert refused.value.details == [says]
    with psycopg.connect(ends.target_url) as session:
        assert session.execute("SELECT count(*) FROM pg_class WHERE relname = 'child'").fetchone() == (0,)


def test_what_keeps_them_is_copied_and_a_table_that_is_left_out_does_not_count(ends):
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_a_table_that_is_left_out_is_not_asked_about(ends):
    on(ends.source_url, ORPHANS)
    run(ends, exclude_tables=("child",))
    assert compare_databases(ends.source, ends.target, exclude_tables=("child",)).differences() == []


def test_what_is_only_seen_at_the_end_has_a_remedy(ends, monkeypatch):
    on(ends.source_url, REPLACED)
    monkeypatch.setattr(integrity, "_refused", lambda *_: iter(()))
    with pytest.raises(PostgresError, match=r"kept_n_check.*Rows of the source violate it"):
        run(ends)
