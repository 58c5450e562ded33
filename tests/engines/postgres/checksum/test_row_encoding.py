"""The text of a row: the same on every server, never the same for two different rows."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from engines.postgres.catalog import relations
from engines.postgres.checksum import parallel_scan, table_checksum, table_layout
from engines.postgres.checksum.row_encoding import common, form, row_text
from engines.postgres.session import connection

# ruff: noqa: E501 - a table is read by its lines
# ruff: noqa: S608 - the parts of the statements are constants

# By what they are about: rows of which each has to have a text of its own.
DIFFERENT = {
    "NULL and empty": ("a text, b text", "(NULL, ''), ('', NULL), ('', ''), (NULL, NULL)"),
    "where one ends": ("a text, b text", "('a', 'bc'), ('ab', 'c'), ('abc', ''), ('', 'abc'), ('abc', NULL)"),
    "the separator": (
        "a text, b text",
        r"(E'x\x1f', 'y'), ('x', E'\x1fy'), (E'x\x1fy', ''), (E'\x1e', ''), (NULL, ''), (E'1\x1f1', E'\x1f')",
    ),
    "numbers beside texts": ("n int, a text, m int", "(1, '2', 3), (12, '', 3), (1, '', 23), (1, '23', NULL)"),
    "NULL numbers": ("n int, m int", "(NULL, 1), (1, NULL), (1, 1), (NULL, NULL)"),
    "trailing spaces": ("a text, b varchar(9)", "('a', 'b'), ('a ', 'b'), ('a', 'b '), ('a  ', 'b')"),
    "zeros": ("f float8", "('0'), ('-0'), (NULL), ('NaN'), ('Infinity'), ('-Infinity')"),
    "close numbers": ("f float8", "(0.1), (0.10000000000000002), (0.30000000000000004), (0.3), (1e-320)"),
    "scales": ("n numeric", "(1), (1.0), (1.00), ('NaN'), (-1), (0.0), (0)"),
    "microseconds": ("t timestamptz", "('2020-01-01 00:00:00.000001+00'), ('2020-01-01+00'), ('infinity'), (NULL)"),
    "hi and low incomplete": ("n bigint", "(5), (4294967300), (-5), (-4294967302), (8589934599)"),
    "a row of NULLs": ("p pair, q pair", "(NULL, NULL), (ROW(NULL, NULL), NULL), (NULL, ROW(NULL, NULL)), ('(,\"\")', NULL)"),
    "arrays": ("a text[]", "('{}'), ('{NULL}'), ('{\"NULL\"}'), ('{\"\"}'), ('{a,b}'), ('{\"a,b\"}'), ('{{a,b}}'), (NULL)"),
    "whole arrays": ("a int[]", "('{}'), ('{1,NULL}'), ('{1}'), ('[0:0]={1}'), ('{{1}}'), (NULL)"),
    "JSON": ("j jsonb, k json", "('1', '1'), ('1.0', '1'), ('1', '1 '), ('null', 'null'), (NULL, 'null'), ('\"\"', NULL)"),
    "bytes": ("b bytea", r"('\x'), ('\x00'), ('\x0000'), (NULL), ('\x5c')"),
    "bits": ("b varbit", "(B''), (B'0'), (B'00'), (NULL)"),
    "one byte": ('c "char"', "(''), ('a'), (NULL), (E'\\\\200'), (E'\\\\377')"),
    "ranges": ("r int4range, s textrange", "('empty', NULL), ('(,)', NULL), (NULL, '(,)'), (NULL, '[a,b)'), (NULL, NULL)"),
    "labels": ("m mood, n mood", "('a', 'a\x1fb'), ('a\x1fb', 'a'), (NULL, 'a'), ('a', NULL)"),
    "domains": ("d short, e whole", "('a', 1), ('a ', 1), (NULL, 1), ('a', NULL), (NULL, NULL)"),
    "ids": ("u uuid", "('a0eebc999c0b4ef8bb6d6bb9bd380a11'), ('a0eebc999c0b4ef8bb6d6bb9bd380a12'), (NULL)"),
}  # fmt: skip
TYPES = """
CREATE TYPE pair AS (a integer, b text); CREATE TYPE textrange AS RANGE (subtype = text);
CREATE TYPE mood AS ENUM ('a', E'a\\x1fb'); CREATE DOMAIN short AS varchar(5);
CREATE DOMAIN inner_whole AS bigint; CREATE DOMAIN whole AS inner_whole CHECK (VALUE > 0);"""


def odd_settings(session, name):
    for setting, value in (
        ("datestyle", "SQL, DMY"),
        ("intervalstyle", "sql_standard"),
        ("timezone", "America/St_Johns"),
        ("extra_float_digits", "-15"),
        ("bytea_output", "escape"),
        ("search_path", "nowhere"),
        ("xmlbinary", "hex"),
        ("standard_conforming_strings", "off"),
    ):
        session.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")


@pytest.fixture(scope="module")
def made(postgres_server, later_server):
    """Return three equal databases: plain, of another collation and settings, and of a later version."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE texts")
        session.execute(
            "CREATE DATABASE texts_icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' "
            "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
        )
    later_server.create_database("texts")
    urls = (postgres_server.url("texts"), postgres_server.url("texts_icu"), later_server.url("texts"))
    for url in urls:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(TYPES)
            for name, (columns, rows) in DIFFERENT.items():
                session.execute(f'CREATE TABLE "{name}" ({columns})')
                session.execute(f'INSERT INTO "{name}" VALUES {rows}')
    with psycopg.connect(urls[1], autocommit=True) as session:
        odd_settings(session, "texts_icu")
    return [connection.parse(url) for url in urls]


def texts(address, name):
    with connection.session(address) as session:
        table = next(one for one in relations.tables(session, relations.Scope()) if one.name == name)
        forms = table_layout.read(session, [table])[table.key].forms
        text = row_text((column.name, forms[column.name]) for column in table.columns)
        query = sql.SQL("SELECT {} FROM {} AS t ORDER BY ctid").format(text, table.identifier)
        return [row[0] for row in session.execute(query)]


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_rows_have_different_texts_alike_on_every_server(made, name):
    found = texts(made[0], name)
    assert len(found) >= 3
    assert len(set(found)) == len(found), found
    for other in made[1:]:
        assert texts(other, name) == found


def test_a_wide_table_has_one_text_too(postgres_server):
    """A function takes a hundred arguments at most."""
    postgres_server.create_database("wide")
    columns = ", ".join(f"c{number} {('int', 'text', 'text[]')[number % 3]}" for number in range(400))
    with psycopg.connect(postgres_server.url("wide"), autocommit=True) as session:
        session.execute(f"CREATE TABLE wide ({columns})")
        session.execute("INSERT INTO wide (c0) VALUES (1), (NULL)")
        session.execute("INSERT INTO wide (c3) VALUES (1)")
        session.execute("INSERT INTO wide (c397) VALUES ('1')")
        session.execute("INSERT INTO wide (c398) VALUES ('{1}')")
    assert len(set(texts(connection.parse(postgres_server.url("wide")), "wide"))) == 5


def test_other_types_on_the_other_side_are_compared_as_they_read():
    assert common("plain", "plain") == "plain"
    assert common("timestamp", "timestamptz") == "other"
    assert common("plain", "string") == "other"
    assert form(999_999, {}) == "other"


def test_a_table_in_parts_has_the_sum_of_one_in_a_piece(postgres_server, monkeypatch):
    postgres_server.create_database("parted")
    address = connection.parse(postgres_server.url("parted"))
    with psycopg.connect(postgres_server.url("parted"), autocommit=True) as session:
        session.execute("CREATE TABLE t (id int, v text)")
        session.execute("INSERT INTO t SELECT i, repeat('v', i % 500) FROM generate_series(1, 3000) i")
        session.execute("CREATE TABLE empty (id int)")
    with connection.session(address) as session:
        tables = relations.tables(session, relations.Scope())
        sizes = table_layout.read(session, tables)
        whole = {
            one.key: table_checksum.fingerprint(session, one, [c.name for c in one.columns]) for one in tables
        }
    t = next(one for one in tables if one.name == "t")
    with connection.session(address) as session, connection.snapshot(session) as snapshot:
        for part_bytes, jobs in ((8192, 3), (100_000, 2), (1 << 30, 1)):
            monkeypatch.setattr(table_layout, "PART_BYTES", part_bytes)
            assert len(list(table_layout.parts(t, (), sizes[t.key]))) == {
                8192: sizes[t.key].pages,
                1 << 30: 1,
            }.get(part_bytes, -(-sizes[t.key].bytes // part_bytes))
            assert (
                parallel_scan.fingerprints(
                    parallel_scan.DatabaseSnapshot(address, snapshot), tables, jobs=jobs
                )
                == whole
            )
    assert whole["public", "t"].rows == 3000
    assert whole["public", "empty"] == table_checksum.NOTHING
