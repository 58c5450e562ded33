"""Where tables differ: the ranges, the keys and the numbers, without a value of another column."""

from __future__ import annotations

import json
from collections import Counter

import psycopg
import pytest

from engines.postgres import compare_databases, require_equal
from engines.postgres.checksum.table_checksum import Fingerprint
from engines.postgres.diff.report import evidence, report
from engines.postgres.diff.row_diff import describe, ranges, runs, within
from engines.postgres.session import connection
from engines.postgres.session.errors import NotEqualError

MADE = """
CREATE TABLE big (id bigint PRIMARY KEY, v text);
INSERT INTO big SELECT i, 'secret ' || i FROM generate_series(1, 40000) i;
CREATE TABLE named (name varchar(20), n int, v int, PRIMARY KEY (name, n));
INSERT INTO named SELECT (ARRAY['B', 'a', 'ä', 'Z'])[i % 4 + 1] || i / 50, i, 0
    FROM generate_series(1, 30000) i;
CREATE TABLE lines (line text, n int);
INSERT INTO lines SELECT 'secret ' || i % 9000, i % 9000 FROM generate_series(1, 30000) i;
CREATE TABLE few (kind text, id int, PRIMARY KEY (kind, id));
INSERT INTO few SELECT 'only', i FROM generate_series(1, 20000) i;
CREATE TABLE odd (p point, u uuid, v int);
CREATE UNIQUE INDEX odd_u ON odd (u); ALTER TABLE odd ALTER u SET NOT NULL;
INSERT INTO odd SELECT point(i, i), md5(i::text)::uuid, i FROM generate_series(1, 100) i;
CREATE VIEW view_of AS SELECT id, v FROM big;
"""


@pytest.fixture(scope="module")
def both(postgres_server):
    """Return a function that gives two databases, of which the second got these statements."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE narrowed")
        session.execute(
            "CREATE DATABASE narrowed_icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' "
            "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
        )
    for name in ("narrowed", "narrowed_icu"):
        with psycopg.connect(postgres_server.url(name), autocommit=True) as session:
            session.execute(MADE)

    def changed(*statements):
        with psycopg.connect(postgres_server.url(), autocommit=True) as session:
            session.execute("DROP DATABASE IF EXISTS narrowed_copy")
            session.execute("CREATE DATABASE narrowed_copy TEMPLATE narrowed_icu")
        with psycopg.connect(postgres_server.url("narrowed_copy"), autocommit=True) as session:
            for statement in statements:
                session.execute(statement)
        return [connection.parse(postgres_server.url(name)) for name in ("narrowed", "narrowed_copy")]

    return changed


def where(found, table):
    return next(one.where for one in found.tables if one.table == f"public.{table}")


def numbers(found):
    return (found.missing, found.extra, found.changed, found.exact)


def test_single_rows_are_named_by_their_keys(both):
    ends = both(
        "UPDATE big SET v = v || ' ' WHERE id IN (77, 31000)",
        "DELETE FROM big WHERE id = 12",
        "INSERT INTO big VALUES (-3, '')",
    )
    found = compare_databases(*ends)
    big = where(found, "big")
    assert numbers(big) == (1, 1, 2, True)
    assert [(one.kind, one.key["id"]) for one in big.examples] == [
        ("extra", "-3"),
        ("missing", "12"),
        ("changed", "77"),
        ("changed", "31000"),
    ]
    assert len(big.ranges) == 2
    assert big.ranges[0].first is None
    assert int(big.ranges[1].first) <= 31000 <= int(big.ranges[1].last)
    assert [one.where for one in found.tables if one.table != "public.big"] == [None] * 4


def test_texts_are_put_in_one_order_on_servers_of_two_collations(both):
    found = compare_databases(*both("UPDATE named SET v = 1 WHERE n IN (1, 2, 3, 4, 29999)"))
    named = where(found, "named")
    assert numbers(named) == (0, 0, 5, True)
    assert sorted(int(one.key["n"]) for one in named.examples) == [1, 2, 3, 4, 29999]


def test_a_range_that_is_gone_is_reported_by_its_bounds(both):
    found = compare_databases(*both("DELETE FROM big WHERE id BETWEEN 10001 AND 30000"))
    big = where(found, "big")
    assert not big.exact
    assert 0 < big.missing <= 20000
    assert (big.extra, big.changed) == (0, 0)
    (gone,) = big.ranges
    assert 9000 < int(gone.first) <= 10001
    assert 30000 < int(gone.last) < 31500
    assert gone.source_rows - gone.target_rows == 20000
    (line,) = found.differences()
    assert f"id from {gone.first} to {gone.last}" in line
    assert "at least" in line


def test_a_key_whose_first_column_is_always_the_same(both):
    found = where(compare_databases(*both("DELETE FROM few WHERE id IN (5, 19000)")), "few")
    assert numbers(found) == (2, 0, 0, True)
    assert [dict(one.key) for one in found.examples] == [
        {"kind": "only", "id": "5"},
        {"kind": "only", "id": "19000"},
    ]


def test_a_table_without_a_key_is_reported_by_numbers(both):
    found = where(
        compare_databases(
            *both(
                "UPDATE lines SET line = 'secret' WHERE ctid = '(0,1)'",
                "INSERT INTO lines TABLE lines LIMIT 3",
            )
        ),
        "lines",
    )
    assert found.key == ()
    assert (found.missing, found.extra, found.changed, found.exact) in {(1, 4, 0, True), (0, 3, 0, True)}
    assert (found.examples, found.ranges) == ((), ())


def test_a_unique_index_is_a_key_and_may_be_gone_on_the_target(both):
    found = where(
        compare_databases(*both("DROP INDEX odd_u", "INSERT INTO odd SELECT * FROM odd WHERE v = 7")), "odd"
    )
    assert found.key == ("u",)
    assert numbers(found) == (0, 1, 0, True)


def test_no_value_but_keys_leaves_the_servers(both):
    ends = both("UPDATE big SET v = 'other secret' WHERE id < 9", "UPDATE lines SET line = 'secret'")
    found = compare_databases(*ends)
    with pytest.raises(NotEqualError) as refused:
        require_equal(found, ends[1])
    said = [str(refused.value), *refused.value.details, *report(found), json.dumps(evidence(found, *ends))]
    assert "2 differences" in said[0]
    assert "changed at id 1" in said[0]
    assert not [one for one in said if "secret" in one]


def test_nothing_is_looked_for_without_examples(both):
    found = compare_databases(*both("UPDATE big SET v = '' WHERE id = 1"), examples=0)
    assert not found.equal
    assert [one.where for one in found.tables] == [None] * 5


def test_bounds_are_those_of_the_runs_of_slices():
    equal, other = Fingerprint(5, "5"), Fingerprint(4, "4")
    source, target = dict.fromkeys(range(5), equal), {0: other, 1: equal, 2: other, 3: other, 4: equal}
    found = ranges(source, target, ["b", "c", "d", "e"], 10)
    assert [(one.first, one.last, one.source_rows, one.target_rows) for one in found] == [
        (None, "b", 5, 4),
        ("c", "e", 10, 8),
    ]
    assert runs([]) == []
    assert within(source, target, [0, 2, 3], 9) == [0]
    assert within(source, target, [0, 2, 3], 10) == [0, 2]


def test_rows_of_one_key_are_distinguished_by_their_number():
    source, target = (
        {("1",): Counter([7]), ("10",): Counter([1])},
        {("1",): Counter([7, 7]), ("9",): Counter([2])},
    )
    found = describe(source, target, ("id",), exact=True, shown=2)
    assert (found.missing, found.extra, found.changed) == (1, 2, 0)
    assert [str(one) for one in found.examples] == ["id 1", "id 9"]
