"""Random schemas arrive as they are, as programs see it that are not ours: pg_dump, and COPY of tables."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import subprocess

import psycopg
import pytest
from psycopg import sql

from engines.events import emit
from engines.postgres import clone_database
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from rehearsal.servers import postgres
from tests.stress import SEED, size

SEEDS = size(sample=20, full=500)
# Seeds that share a database, each in a schema of its own.
TOGETHER = 20

# Type, values by the number {n} of a row, and a condition that all of them meet.
TYPES = {
    "integer": ("{n} * 3", "{c} >= 0"),
    "bigint": ("{n}::bigint << 33", "{c} <> -1"),
    "numeric(12,3)": ("{n} / 7.0", "{c} < 1000000::numeric"),
    "double precision": ("1e-300 * {n}", "{c} IS DISTINCT FROM 2.5::double precision"),
    "text": ("chr(19968 + {n}) || E'\\t\\\\' || {n}", "char_length({c}) < 100"),
    "boolean": ("{n} % 2 = 0", "{c} IS NOT NULL"),
    "date": ("date '0044-03-15 BC' + {n}", "{c} < '2100-01-01'::date"),
    "timestamptz": ("timestamptz '2000-01-01 UTC' + {n} * interval '1 h'", "isfinite({c})"),
    "interval": ("make_interval(months => {n}, secs => {n} / 8.0)", "{c} <> '-1 days'::interval"),
    "uuid": ("md5({n}::text)::uuid", "{c} IS NOT NULL"),
    "jsonb": ("jsonb_build_object('n', {n}, 'é', NULL)", "jsonb_typeof({c}) = 'object'::text"),
    "bytea": ("decode(md5({n}::text), 'hex')", "length({c}) = 16"),
    "inet": ("inet '10.0.0.0' + {n}", "family({c}) = 4"),
    "integer[]": ("ARRAY[{n}, NULL]", "array_ndims({c}) = 1"),
    "int4range": ("int4range({n}, {n} + 5)", "NOT isempty({c})"),
    "tsvector": ("to_tsvector('simple', 'w' || {n})", "{c} IS NOT NULL"),
    "bit varying(8)": ("{n}::bit(8)::varbit", "{c} IS NOT NULL"),
}
# btree knows no order of these.
_KEYLESS = {"jsonb", "tsvector"}
_RANGES = ((0x20, 0x7E), (0xA0, 0x2FF), (0x370, 0x1FFF), (0x3041, 0xD7FF), (0x10000, 0x1F9FF), (0x1, 0x1F))
_NUMBERS = itertools.count()


class Drawn:
    """Draws one schema, and creates it."""

    def __init__(self, session, seed):
        self.session = session
        self.dice = random.Random(f"{SEED} {seed}")
        self.used = itertools.count()
        self.filled = []
        self.schema = f"{seed} {self.name()}"
        self.run("CREATE SCHEMA {}", sql.Identifier(self.schema))

    def run(self, statement, *parts):
        self.session.execute(sql.SQL(statement).format(*parts))

    def name(self):
        """Return a name that none other has, of characters from everywhere in Unicode."""
        several = range(self.dice.randint(0, 9))
        drawn = "".join(chr(self.dice.randint(*self.dice.choice(_RANGES))) for _ in several)
        return f"{drawn}{next(self.used)}"

    def chance(self, share):
        return self.dice.random() < share

    def table(self, others):
        """Create a table; return its name, and its key if it has one."""
        columns = [(self.name(), self.dice.choice(list(TYPES))) for _ in range(self.dice.randint(1, 7))]
        own = sql.Identifier(self.schema, self.name())
        parts = [self.column(*one) for one in columns]
        keyed = [label for label, kind in columns if kind in {"integer", "uuid", "date", "text", "bigint"}]
        key = keyed[0] if keyed and self.chance(0.7) else ""
        partitioned = bool(key) and dict(columns)[key] == "integer" and self.chance(0.3)
        if key:
            parts.append(sql.SQL("PRIMARY KEY ({})").format(sql.Identifier(key)))
        tail = sql.SQL(" PARTITION BY RANGE ({})").format(sql.Identifier(key)) if partitioned else sql.SQL("")
        parent = self.dice.choice(others)[0] if others and not partitioned and self.chance(0.2) else None
        if parent is not None and not self.is_partitioned(parent):
            tail = sql.SQL(" INHERITS ({})").format(parent)
        self.run("CREATE TABLE {} ({}){}", own, sql.SQL(", ").join(parts), tail)
        if partitioned:
            self.partitions(own)
        self.rows(own, columns)
        self.extras(own, columns)
        return own, key, dict(columns).get(key, ""), partitioned

    def is_partitioned(self, name):
        query = "SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass"
        return self.session.execute(query, [name.as_string(self.session)]).fetchone()[0]

    def column(self, label, kind):
        values, condition = TYPES[kind]
        own = sql.Identifier(label)
        found = sql.SQL("{} " + kind).format(own)
        if self.chance(0.3):
            found += sql.SQL(" NOT NULL")
        if self.chance(0.3):
            found += sql.SQL(" DEFAULT " + values.format(n="7").replace("{", "{{").replace("}", "}}"))
        if self.chance(0.4):
            check = sql.SQL(condition.replace("{c}", "{0}")).format(own)
            found += sql.SQL(" CONSTRAINT {} CHECK ({})").format(sql.Identifier(self.name()), check)
        return found

    def partitions(self, own):
        for low, high in ((0, 30), (30, 60)):
            name = sql.Identifier(self.schema, self.name())
            bounds = (name, own, sql.Literal(low), sql.Literal(high))
            self.run("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})", *bounds)
        self.run("CREATE TABLE {} PARTITION OF {} DEFAULT", sql.Identifier(self.schema, self.name()), own)

    def rows(self, own, columns):
        labels = sql.SQL(", ").join(sql.Identifier(label) for label, _ in columns)
        values = sql.SQL(", ").join(sql.SQL(TYPES[kind][0].format(n="n")) for _, kind in columns)
        count = sql.Literal(self.dice.choice([0, 1, 30]))
        # A column that is inherited, and has no value, may have to have one.
        with contextlib.suppress(psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation):
            self.run(
                "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, {}) n", own, labels, values, count
            )

    def extras(self, own, columns):
        for label, kind in columns:
            column = sql.Identifier(label)
            condition = sql.SQL(TYPES[kind][1].replace("{c}", "{0}")).format(column)
            if kind not in _KEYLESS and self.chance(0.3):
                where = sql.SQL(" WHERE {}").format(condition) if self.chance(0.5) else sql.SQL("")
                self.run("CREATE INDEX {} ON {} ({}){}", sql.Identifier(self.name()), own, column, where)
            if kind == "text" and self.chance(0.5):
                self.run("CREATE INDEX {} ON {} (lower({}))", sql.Identifier(self.name()), own, column)
            if self.chance(0.2):
                self.run("COMMENT ON COLUMN {}.{} IS {}", own, column, sql.Literal(self.name()))
        if self.chance(0.3):
            view = sql.Identifier(self.schema, self.name())
            made = self.dice.choice(["CREATE VIEW", "CREATE MATERIALIZED VIEW"])
            query = sql.SQL(" {} AS SELECT {} AS one, count(*) FROM {} GROUP BY 1")
            self.session.execute(sql.SQL(made) + query.format(view, sql.Identifier(columns[0][0]), own))
            if made == "CREATE MATERIALIZED VIEW":
                self.filled.append(view)

    def foreign_key(self, own, other):
        """Let a new column of one table refer to the key of another."""
        (table, *_), (referred, key, kind, _) = own, other
        column, name = sql.Identifier(self.name()), sql.Identifier(self.name())
        self.run("ALTER TABLE {} ADD {} " + kind, table, column)
        self.run(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
            *(table, name, column, referred, sql.Identifier(key)),
        )
        if kind != "uuid":  # which has no smallest
            least = (table, column, sql.Identifier(key), referred)
            self.run("UPDATE {} SET {} = (SELECT min({}) FROM {})", *least)

    def draw(self):
        tables = []
        for _ in range(self.dice.randint(1, 4)):
            tables.append(self.table(tables))
            keyed = [one for one in tables if one[1]]
            if keyed and self.chance(0.5):
                self.foreign_key(tables[-1], self.dice.choice(keyed))
        # A copy fills them anew: those of the source are to hold what they would then.
        for view in self.filled:
            self.run("REFRESH MATERIALIZED VIEW {}", view)


def dumped(url):
    """Return the schema as pg_dump writes it, line by line."""
    program = postgres.find_binaries() / "pg_dump"
    environment = {**os.environ, "PGOPTIONS": "-c lc_messages=C"}
    command = [program, "--schema-only", "--no-owner", "--no-privileges", url]
    text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    # A guard with a random word.
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def copied(url):
    """Return the rows of every table and filled view as COPY writes them, in the order of their texts."""
    found = {}
    with psycopg.connect(url) as session:
        names = session.execute(
            "SELECT oid::regclass::text, relkind FROM pg_class "
            "WHERE relkind IN ('r', 'm') AND relispopulated AND oid >= 16384"
        ).fetchall()
        for name, kind in names:
            query = f"COPY (SELECT * FROM {'ONLY ' if kind == 'r' else ''}{name}) TO STDOUT"  # noqa: S608 - quoted by the server
            with session.cursor().copy(query) as rows:
                found[name] = sorted(b"".join(rows).splitlines())
    return found


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_random_schemas_are_the_same_to_other_programs(postgres_server, first):
    number = next(_NUMBERS)
    urls = [postgres_server.url(f"drawn_{kind}_{number}") for kind in ("source", "target")]
    for kind in ("source", "target"):
        postgres_server.create_database(f"drawn_{kind}_{number}")
    with psycopg.connect(urls[0], autocommit=True) as session:
        for seed in range(first, min(SEEDS, first + TOGETHER)):
            Drawn(session, seed).draw()
    ends = [connection.parse(url) for url in urls]
    clone_database(*ends, CloneOptions(), check=False, emit=emit)
    assert dumped(urls[1]) == dumped(urls[0])
    assert copied(urls[1]) == copied(urls[0])
