"""What a distance costs: how often a copy waits for an answer does not grow with the number of tables."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import psycopg
import pytest

from bench import distance
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions

_TABLE = """
CREATE TABLE t{n} (id serial PRIMARY KEY, parent int {key}, kind varchar(9) CHECK (kind IN ('a', 'b')));
INSERT INTO t{n} (parent, kind) SELECT {value}, 'a' FROM generate_series(1, 20) g;
CREATE INDEX ON t{n} (kind);
CREATE FUNCTION f{n}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE UPDATE ON t{n} FOR EACH ROW EXECUTE FUNCTION f{n}();
"""


@pytest.fixture
def counted(databases, postgres_server):
    """Return ``run(tables)``: the round trips to the target of a clone, a comparison, and a second call."""

    def run(tables: int) -> SimpleNamespace:
        ends = databases(hostile=False)
        with psycopg.connect(ends.source_url, autocommit=True) as session:
            for n in range(tables):
                key = f"REFERENCES t{n - 1}" if n else ""
                session.execute(_TABLE.format(n=n, key=key, value="g" if n else "NULL::int"))
        found = SimpleNamespace()
        with distance.before(postgres_server.port, 0) as counts:
            parameters = {**ends.target.parameters, "port": str(counts.port)}
            target = dataclasses.replace(ends.target, parameters=parameters)
            for name in ("clone", "compare", "again"):
                before = counts.round_trips
                if name == "compare":
                    assert compare_databases(ends.source, target).differences() == []
                else:
                    result = clone_database(ends.source, target, CloneOptions(), check=False, emit=emit)
                    assert bool(result.plan.changes) == (name == "clone")
                setattr(found, name, counts.round_trips - before)
        return found

    return run


def test_round_trips_do_not_grow_with_tables(counted):
    few, many = counted(10), counted(50)
    # A table more had cost 36, 3 and 4.
    assert many.clone - few.clone <= 20
    assert many.compare - few.compare <= 4
    assert many.again - few.again <= 4
