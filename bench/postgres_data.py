"""The database of the benchmark: the same rows for the same size, made inside the server."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import psycopg

_TABLES = """
CREATE TABLE target (
    id integer PRIMARY KEY, symbol text NOT NULL UNIQUE, family text NOT NULL, described text,
    mass numeric(12, 4) NOT NULL, added timestamptz NOT NULL);
CREATE TABLE molecule (
    id integer PRIMARY KEY, name text NOT NULL, smiles text NOT NULL, conformers text NOT NULL,
    properties jsonb NOT NULL);
CREATE TABLE measurement (
    id bigserial PRIMARY KEY, target_id integer NOT NULL, molecule_id integer NOT NULL,
    at timestamptz NOT NULL, value double precision NOT NULL, unit smallint NOT NULL, label text NOT NULL);
CREATE TABLE note (
    id bigserial PRIMARY KEY, measurement_id bigint NOT NULL, author integer, body text NOT NULL);
CREATE TABLE author (
    id serial PRIMARY KEY, name text NOT NULL, leader integer, joined date NOT NULL);"""

# {rows} is the number of measurements. What looks random is a hash of the row's number: always the same.
_ROWS = {
    "target": """
INSERT INTO target SELECT i, 'T' || i, 'family ' || abs(hashint4(i)) % 97, repeat(md5(i::text), 2),
       abs(hashint4(i)) / 1e5, timestamptz '2020-01-01 UTC' + i * interval '1 minute'
FROM generate_series(1, greatest({rows} / 25, 10)) i""",
    # Values of 5 to 7 kB that do not compress: they are stored apart from their rows.
    "molecule": """
INSERT INTO molecule SELECT i, 'molecule ' || i, repeat(chr(65 + i % 26), i % 60),
       (SELECT string_agg(md5(i || ':' || part), '') FROM generate_series(1, 150 + i % 80) part),
       jsonb_build_object('logp', hashint4(i) / 1e8, 'rings', i % 7, 'tags', jsonb_build_array(i % 3, 'x'))
FROM generate_series(1, greatest({rows} / 250, 10)) i""",
    "measurement": """
INSERT INTO measurement SELECT i, 1 + abs(hashint8(i) % greatest({rows} / 25, 10)),
       1 + abs(hashint8(-i) % greatest({rows} / 250, 10)),
       timestamptz '2021-01-01 UTC' + i * interval '7 seconds', hashint8(i) / 1e6, abs(hashint8(i)) % 12,
       left(md5(i::text), 8 + (i % 20)::integer)
FROM generate_series(1::bigint, {rows}) i""",
    "note": """
INSERT INTO note SELECT i, 1 + abs(hashint8(i) % {rows}), 1 + abs(hashint8(i)) % 1000,
       md5(i::text) || repeat(' ' || md5((-i)::text), (i % 5)::integer)
FROM generate_series(1::bigint, {rows} / 5) i""",
    "author": """
INSERT INTO author SELECT i, 'author ' || i, nullif(i / 10, 0), date '2019-01-01' + i
FROM generate_series(1, 1000) i""",
}

_KEYS = (
    "SELECT setval('measurement_id_seq', {rows})",
    "SELECT setval('note_id_seq', {rows} / 5)",
    "SELECT setval('author_id_seq', 1000)",
    "CREATE INDEX ON measurement (target_id, value)",
    "CREATE INDEX ON measurement (molecule_id)",
    "CREATE INDEX ON measurement (at)",
    "CREATE INDEX ON note (measurement_id)",
    "CREATE INDEX ON note (lower(body) text_pattern_ops)",
    "CREATE INDEX ON target (family)",
    "CREATE INDEX ON molecule USING gin (properties)",
    "ALTER TABLE measurement ADD FOREIGN KEY (target_id) REFERENCES target",
    "ALTER TABLE measurement ADD FOREIGN KEY (molecule_id) REFERENCES molecule",
    "ALTER TABLE note ADD FOREIGN KEY (measurement_id) REFERENCES measurement",
    "ALTER TABLE note ADD FOREIGN KEY (author) REFERENCES author",
    "ALTER TABLE author ADD FOREIGN KEY (leader) REFERENCES author",
    "VACUUM (FREEZE, ANALYZE)",
    "CHECKPOINT",
)

_NAMES = (
    "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_SIZE = """
SELECT sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""


# Changes when the data do: what was filled otherwise is filled anew.
VERSION = hashlib.sha256(repr((_TABLES, _ROWS, _KEYS)).encode()).hexdigest()[:8]


def measurements(gigabytes: float) -> int:
    """Return how many rows the largest table has when tables and indexes together have about this size."""
    return max(100, int(gigabytes * 4_000_000))


def fill(url: str, rows: int) -> None:
    """Make the tables, with ``rows`` measurements, then indexes and keys."""
    _run(url, _TABLES)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda text: _run(url, text.format(rows=rows)), _ROWS.values()))
    for statement in _KEYS:
        _run(url, statement.format(rows=rows))


def sizes(url: str) -> tuple[int, int]:
    """Return the bytes of all tables, and of all indexes."""
    with psycopg.connect(url) as session:
        found = session.execute(_SIZE).fetchone()
    return (int(found[0]), int(found[1])) if found else (0, 0)


def counts(url: str) -> dict[str, int]:
    """Return the number of rows of each table, counted."""
    with psycopg.connect(url, autocommit=True) as session:
        names = [str(row[0]) for row in session.execute(_NAMES)]
        return {name: _count(session, name) for name in names}


def _count(session: psycopg.Connection, name: str) -> int:
    row = session.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - a name as the catalogue quotes it
    return int(row[0]) if row else 0


def _run(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(text)
