"""The databases that the benchmark copies: each of a kind that another part of the work decides."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from bench import postgres_data

# Applications have many small tables; what these cost is statements and round trips, not rows.
_MANY, _PARTITIONS, _ROWS = 400, 2000, 20
_MANY_TABLE = """
CREATE TABLE small_{n} (
    id serial PRIMARY KEY, other integer {key}, name text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON small_{n} (name);
INSERT INTO small_{n} (other, name, at)
SELECT {value}, 'row ' || i, timestamptz '2024-01-01 UTC' + i * interval '1 h'
FROM generate_series(1, {rows}) i;"""
_PARTITIONED = """
CREATE TABLE event (
    id bigint PRIMARY KEY, at timestamptz NOT NULL, kind text NOT NULL) PARTITION BY RANGE (id);
CREATE INDEX ON event (kind);"""
_PARTITION = """
CREATE TABLE event_{n} PARTITION OF event FOR VALUES FROM ({start}) TO ({end});
INSERT INTO event_{n} SELECT i, timestamptz '2024-01-01 UTC' + i * interval '1 minute', 'kind ' || i % 7
FROM generate_series({start}, {end} - 1) i;"""
# Two tables with values of about 100 kB that do not compress.
_WIDE = """
CREATE TABLE document (id integer PRIMARY KEY, body jsonb NOT NULL);
CREATE TABLE blob (id integer PRIMARY KEY, body bytea NOT NULL);
INSERT INTO document SELECT i, jsonb_build_object('number', i, 'lines',
    (SELECT jsonb_agg(md5(i || ':' || line)) FROM generate_series(1, 2800) line))
FROM generate_series(1, {rows}) i;
INSERT INTO blob SELECT i, (SELECT string_agg(sha512((i || ':' || piece)::bytea), ''::bytea)
    FROM generate_series(1, 1600) piece) FROM generate_series(1, {rows}) i;"""
_AT_ONCE = 50


@dataclass(frozen=True)
class DataSet:
    """What is copied. ``fill`` makes it in the database of a URL; it has about so many GB if ``sized``."""

    name: str
    fill: Callable[[str, float], None]
    text: tuple[object, ...] = ()
    sized: bool = False

    def version(self, gigabytes: float) -> str:
        """Return what changes when the data do: what was filled otherwise is filled anew."""
        seen = (self.text, gigabytes if self.sized else 0)
        return f"{self.name}-{hashlib.sha256(repr(seen).encode()).hexdigest()[:8]}"


def _large(url: str, gigabytes: float) -> None:
    postgres_data.fill(url, postgres_data.measurements(gigabytes))


def _many(url: str, _gigabytes: float) -> None:
    _run(
        url,
        [
            _MANY_TABLE.format(
                n=n,
                rows=_ROWS,
                key=f"REFERENCES small_{n - 1}" if n else "",
                value="i" if n else "NULL::integer",
            )
            for n in range(_MANY)
        ],
    )


def _partitions(url: str, _gigabytes: float) -> None:
    made = (_PARTITION.format(n=n, start=n * _ROWS, end=(n + 1) * _ROWS) for n in range(_PARTITIONS))
    _run(url, [_PARTITIONED, *made])


def _wide(url: str, gigabytes: float) -> None:
    _run(url, [_WIDE.format(rows=max(2, int(gigabytes * 5000)))])


def _run(url: str, scripts: list[str]) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        for start in range(0, len(scripts), _AT_ONCE):
            session.execute("".join(scripts[start : start + _AT_ONCE]))
        session.execute("VACUUM (FREEZE, ANALYZE)")
        session.execute("CHECKPOINT")


SETS = {
    one.name: one
    for one in (
        DataSet("large", _large, (postgres_data.VERSION,), sized=True),
        DataSet("many", _many, (_MANY_TABLE, _MANY, _ROWS)),
        DataSet("partitions", _partitions, (_PARTITIONED, _PARTITION, _PARTITIONS, _ROWS)),
        DataSet("wide", _wide, (_WIDE,), sized=True),
    )
}
