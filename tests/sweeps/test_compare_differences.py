"""A thousand differences, one at a time in each table, are all found; equal databases raise no alarm."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from engines.postgres import compare_databases
from engines.postgres.compare import NARROWED
from engines.postgres.session import connection
from tests.stress import SEED, size

# ruff: noqa: S608 - statements are put together from the constants below

DIFFERENCES = size(sample=100, full=1000)
CLEAN_RUNS = size(sample=6, full=100)
# From so many differences on, each kind is among them.
ENOUGH = 200
SCHEMAS = ("one", "Two Words", "select")

# A part of a run: the target, and how much of the work is done there.
SHARES = {"the same settings": 0.5, "another collation and other settings": 0.25, "a later version": 0.25}

TABLES = (Path(__file__).parent / "differences.sql").read_text(encoding="utf-8")

# Of each table, by column, an expression that surely gives another value. Those of text are in STRINGS too.
CHANGES = {
    "people": {
        "name": "coalesce(name, '') || 'x'",
        "note": "coalesce(note, '') || 'x'",
        "born": "born - 1",
        "seen": "seen + interval '1 microsecond'",
        "score": "score * (1 + 1e-15) + 1e-12",
        "amount": "(amount::text || CASE WHEN amount::text LIKE '%.%' THEN '0' ELSE '.0' END)::numeric",
        "ok": "NOT ok",
        "code": "CASE WHEN code = 'zz' THEN 'yy' ELSE 'zz' END",
    },
    "codes": {"v": "coalesce(v, '') || 'x'"},
    "documents": {
        "j": "j || '{\"more\": null}'",
        "plain": "(plain::text || ' ')::json",
        "tags": "tags || ''::text",
        "body": "set_byte(body, 3, (get_byte(body, 3) + 1) % 256)",
    },
    "lines": {"line": "line || '.'", "n": "n + 100"},
    "Order": {'"select"': '-"select"', '"Sp ace"': '"Sp ace" || chr(31)', '"%s"': "'x'"},
    "values_of": {
        "m": "m + '0.01'::money",
        "i": "i + interval '1 microsecond'",
        "t": "t + interval '1 microsecond'",
        "r": "int4range(lower(r), upper(r) + 1)",
        "net": "net + 1000",
        "bits": "bits || B'0'",
        "f": "f * 1.000001::real",
        "p": "point(p[1], p[0] + 1)",
        "many": "many || NULL::int",
        "stamp": "stamp - interval '1 microsecond'",
    },
    "moods": {
        "mood": "CASE mood WHEN 'sad' THEN 'happy' ELSE 'sad' END::~.mood",
        "both_of": "ROW((both_of).a, coalesce((both_of).b || ' ', ''))::~.pair",
        "pos": "(pos::text || '0')::numeric",
        "small": "CASE small WHEN 'a' THEN 'b' ELSE 'a' END::\"char\"",
    },
    "measured_2020": {"note": "note || 'x'"},
    "measured_rest": {"note": "note || 'x'"},
    "wide": {"c7": "c7 + 1", "c29": "c29 + 1", "t29": "t29 || 'x'"},
}
# The column of the key that a row more gets another value of.
KEYS = {
    "people": "id",
    "codes": "b",
    "documents": "id",
    "values_of": "id",
    "moods": "id",
    "measured_2020": "value",
    "measured_rest": "value",
    "wide": "id",
}
NEW_KEY = {"documents": "gen_random_uuid()"}
# By table: columns of text, and which of them hold empty strings or NULL.
STRINGS = {
    "people": ["name", "note"],
    "codes": ["v"],
    "lines": ["line"],
    "Order": ['"Sp ace"', '"quo""te"'],
    "measured_2020": ["note"],
    "measured_rest": ["note"],
    "wide": ["t29"],
}
EMPTY = {
    "people": ["note"],
    "codes": ["v"],
    "lines": ["line"],
    "Order": ['"quo""te"'],
    "measured_rest": ["note"],
}
# Two rows whose values are swapped must differ in the rest too: a key, or this.
REST = {"lines": "a.n <> b.n", "Order": 'a."select" <> b."select"'}
SWAPPED = {"lines": ["line"], "Order": ['"Sp ace"']}
SEQUENCES = ("counter", "people_id_seq")

# In the statements @ stands for the table, with its schema, and ~ for the schema.
ONE = "(SELECT ctid FROM @ WHERE {} ORDER BY random() LIMIT 1)"


def a_value(rng, table):
    column, expression = rng.choice(sorted(CHANGES[table].items()))
    return f"UPDATE @ SET {column} = {expression} WHERE ctid = " + ONE.format(f"{column} IS NOT NULL")


def a_row_missing(rng, table):
    return "DELETE FROM @ WHERE ctid = " + ONE.format("true")


def a_row_extra(rng, table):
    if table not in KEYS:
        return "INSERT INTO @ SELECT * FROM @ WHERE ctid = " + ONE.format("true")
    key = KEYS[table]
    changed = f"jsonb_build_object('{key}', {NEW_KEY.get(table, f'{key} + 20000')})"
    record = f"jsonb_populate_record(NULL::@, to_jsonb(one) || {changed})"
    return f"INSERT INTO @ SELECT ({record}).* FROM @ AS one WHERE ctid = " + ONE.format("true")


def a_swapped_pair(rng, table):
    column = rng.choice(SWAPPED.get(table) or sorted(CHANGES[table]))
    return (
        f"WITH two AS (SELECT a.ctid AS x, b.ctid AS y, a.{column} AS of_x, b.{column} AS of_y "
        f"FROM @ AS a JOIN @ AS b ON a.ctid < b.ctid AND a.{column}::text <> b.{column}::text "
        f"AND {REST.get(table, 'true')} ORDER BY random() LIMIT 1) "
        f"UPDATE @ AS t SET {column} = CASE t.ctid WHEN x THEN of_y ELSE of_x END "
        "FROM two WHERE t.ctid IN (x, y)"
    )


def a_trailing_space(rng, table):
    column = rng.choice(STRINGS[table])
    return f"UPDATE @ SET {column} = {column} || ' ' WHERE ctid = " + ONE.format(f"{column} IS NOT NULL")


def null_for_empty(rng, table):
    column = rng.choice(EMPTY[table])
    empty = f"coalesce({column}, '') = ''"
    return f"UPDATE @ SET {column} = CASE WHEN {column} IS NULL THEN '' END WHERE ctid = " + ONE.format(empty)


# How, in which tables, and how many rows are then missing, extra and changed where there is a key.
KINDS = {
    "a value": (a_value, CHANGES, (0, 0, 1)),
    "a row missing": (a_row_missing, CHANGES, (1, 0, 0)),
    "a row extra": (a_row_extra, CHANGES, (0, 1, 0)),
    "a swapped pair": (a_swapped_pair, CHANGES, (0, 0, 2)),
    "a trailing space": (a_trailing_space, STRINGS, (0, 0, 1)),
    "NULL for empty": (null_for_empty, EMPTY, (0, 0, 1)),
}


@dataclass(frozen=True)
class Injected:
    """A difference: its kind, the beginning of the line that must report it, and the rows it touches."""

    kind: str
    line: str
    table: str = ""
    rows: tuple[int, int, int] = (0, 0, 0)


class Target:
    """The database that differences are put into, and taken out of again."""

    def __init__(self, session, rng):
        self.session, self.rng = session, rng
        for number, (schema, table) in enumerate(self.stored()):
            session.execute(f"CREATE TEMP TABLE kept_{number} AS SELECT * FROM {name(schema, table)}")

    @staticmethod
    def stored():
        return [(schema, table) for schema in SCHEMAS for table in sorted(CHANGES)]

    def inject(self, schema, table):
        kinds = sorted(kind for kind, (_, tables, _) in KINDS.items() if table in tables)
        kind = self.rng.choice(kinds)
        statement, _, rows = KINDS[kind]
        text = statement(self.rng, table).replace("@", name(schema, table)).replace("~", name(schema))
        done = self.session.execute(text)
        assert done.rowcount == (2 if kind == "a swapped pair" else 1), (kind, schema, table)
        full = f"{schema}.{table}"
        return Injected(kind, f"table {full}: ", full, rows if table in KEYS else (0, 0, 0))

    def inject_sequence(self, schema, sequence):
        at = self.rng.randrange(2, 100)
        self.session.execute("SELECT setval(%s::regclass, %s)", [name(schema, sequence), at])
        return Injected("a sequence behind", f"sequence {schema}.{sequence}: ")

    def restore(self, injected):
        """Put the rows of the touched tables back, in another order than they had, and all sequences."""
        touched = {one.table for one in injected}
        for number, (schema, table) in enumerate(self.stored()):
            if f"{schema}.{table}" not in touched:
                continue
            self.session.execute(f"TRUNCATE {name(schema, table)}")
            self.session.execute(
                f"INSERT INTO {name(schema, table)} SELECT * FROM kept_{number} ORDER BY random()"
            )
        for schema in SCHEMAS:
            self.session.execute("SELECT setval(%s::regclass, 500)", [name(schema, "counter")])
            self.session.execute("SELECT setval(%s::regclass, 120)", [name(schema, "people_id_seq")])

    def rewrite(self):
        """Move rows about without changing one: what a server does to its files is no difference."""
        schema, table = self.rng.choice(self.stored())
        verb = self.rng.choice(["VACUUM FULL", "VACUUM", "ANALYZE", "CLUSTER", "REFRESH", "UPDATE"])
        named = name(schema, table)
        if verb == "CLUSTER":
            named = name(schema, "people")
            self.session.execute(f"CLUSTER {named} USING people_pkey")
            self.session.execute(f"ALTER TABLE {named} SET WITHOUT CLUSTER")
        elif verb == "REFRESH":
            self.session.execute(f"REFRESH MATERIALIZED VIEW {name(schema, 'summary')}")
        elif verb == "UPDATE":
            column = sorted(CHANGES[table])[0]
            self.session.execute(f"UPDATE {named} SET {column} = {column}")
        else:
            self.session.execute(f"{verb} {named}")


def name(*parts):
    return sql.Identifier(*parts).as_string()


def fill(url, settings=()):
    columns = ", ".join([*(f"c{i} integer" for i in range(30)), *(f"t{i} text" for i in range(30))])
    values = ", ".join([*(f"i + {i}" for i in range(30)), *(f"'t' || i + {i}" for i in range(30))])
    with psycopg.connect(url, autocommit=True) as session:
        for schema in SCHEMAS:
            session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            session.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
            session.execute(TABLES.replace("@columns@", columns).replace("@values@", values))
        for setting, value in settings:
            database = sql.Identifier(session.info.dbname)
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
            session.execute(statement.format(database, sql.Identifier(setting), sql.Literal(value)))


ODD = (
    ("datestyle", "German, DMY"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "Asia/Kathmandu"),
    ("extra_float_digits", "-3"),
    ("bytea_output", "escape"),
    ("search_path", "nowhere"),
    ("xmlbinary", "hex"),
)
SETTINGS = {"the same settings": (), "another collation and other settings": ODD, "a later version": ()}


@pytest.fixture(scope="module")
def sides(postgres_server, later_server):
    """Return the source, and by the names in ``SHARES`` the targets, as URLs of equal databases."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE swept")
        session.execute("CREATE DATABASE swept_copy")
        session.execute(
            "CREATE DATABASE swept_icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' "
            "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
        )
    later_server.create_database("swept_later")
    targets = (
        postgres_server.url("swept_copy"),
        postgres_server.url("swept_icu"),
        later_server.url("swept_later"),
    )
    fill(postgres_server.url("swept"))
    for target, share in zip(targets, SHARES, strict=True):
        fill(target, SETTINGS[share])
    return postgres_server.url("swept"), dict(zip(SHARES, targets, strict=True))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("share", SHARES)
def test_every_difference_is_found_and_nothing_else(sides, share):
    source, target = connection.parse(sides[0]), connection.parse(sides[1][share])
    rng = random.Random(f"{SEED} {share}")
    wanted, clean_wanted = round(DIFFERENCES * SHARES[share]), round(CLEAN_RUNS * SHARES[share])
    found: Counter[str] = Counter()
    clean = 0
    with psycopg.connect(sides[1][share], autocommit=True) as session:
        session.execute("SELECT setseed(%s)", [rng.random()])
        into = Target(session, rng)
        while found.total() < wanted or clean < clean_wanted:
            if clean < clean_wanted:
                result = compare_databases(source, target, jobs=rng.choice([1, 2, 4]))
                assert without_settings(result, share) == [], "a false alarm"
                clean += 1
            if found.total() < wanted:
                injected = put_in(into, rng)
                # Where rows differ is looked for now and then: it takes longer than all the rest.
                located = found.total() % 7 == 0
                result = compare_databases(
                    source, target, jobs=rng.choice([1, 2]), examples=10 if located else 0
                )
                check(result, without_settings(result, share), injected, located=located)
                found.update(one.kind for one in injected)
                into.restore(injected)
            into.rewrite()
    assert wanted < ENOUGH or {*KINDS, "a sequence behind"} <= {*found}, found
    print(f"{share}: {found.total()} differences found, {clean} clean runs", dict(found))  # noqa: T201 - what a sweep has done is its result


def put_in(into, rng):
    """Put one difference into each of several tables and sequences."""
    tables = rng.sample(into.stored(), rng.randrange(12, len(into.stored()) + 1))
    injected = [into.inject(*one) for one in tables]
    places = [(schema, sequence) for schema in SCHEMAS for sequence in SEQUENCES]
    return injected + [into.inject_sequence(*one) for one in rng.sample(places, rng.randrange(3))]


def without_settings(result, share):
    """Return the differences but for the settings that the target's database alone has: each is reported."""
    lines = result.differences()
    settings = [line for line in lines if line.startswith("setting of the database ")]
    assert len(settings) == len(SETTINGS[share]), lines
    for name, _ in SETTINGS[share]:
        assert sum(f" {name}=" in line.lower() for line in settings) == 1, lines
    return [line for line in lines if line not in settings]


def check(result, lines, injected, *, located):
    because = f"{lines}, {injected}"
    assert len(lines) == len(injected), because
    for one in injected:
        assert sum(line.startswith(one.line) for line in lines) == 1, because
    places = {one.table: one.where for one in result.tables if one.where}
    assert len(places) == (min(NARROWED, sum(bool(one.table) for one in injected)) if located else 0), because
    for one in injected:
        where = places.get(one.table)
        if where and where.key:
            assert (where.missing, where.extra, where.changed) == one.rows, (one, where)
            assert len(where.examples) == sum(one.rows)
        elif where:
            assert where.missing + where.extra in {1, 2, 4}, (one, where)


def test_a_server_of_another_order_of_texts_was_compared(sides):
    """The databases really sort differently, or the comparison above proves less than it says."""
    found = []
    for url in (sides[0], sides[1]["another collation and other settings"]):
        with psycopg.connect(url) as session:
            found.append(session.execute("SELECT 'a' < 'B', '2020-01-02'::date::text").fetchone())
    assert found == [(False, "2020-01-02"), (True, "02.01.2020")]
