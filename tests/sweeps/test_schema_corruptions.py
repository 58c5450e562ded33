"""Single corruptions of a target, of every kind that its catalogue knows, are found; benign changes are not.

Each is put into a schema of its own, several before one comparison, which has to name each of these schemas
and no other. Most are made up from the catalogue: a new table or index in the cell is corrupted, too.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from tests.stress import SEED, STRESS, some

# ruff: noqa: S608 - statements are put together from constants and from names that the catalogue gives

CELL = (Path(__file__).parent / "schema_cell.sql").read_text(encoding="utf-8")
# Corruptions at a time, and schemas that stay as they are.
TOGETHER, UNTOUCHED = 20, 2
CORRUPTIONS, BENIGN = 40, 10
ENOUGH, ENOUGH_BENIGN = 400, 80

# Of each type two values. The second stands in for the first.
TYPES = {
    "smallint": ("-5", "5"),
    "bigint": ("9007199254740993", "9007199254740992"),
    "numeric": ("1.0", "1.00"),
    "real": ("0.1", "0.10000001"),
    "double precision": ("'0'", "'-0'"),
    "money": ("1.5", "1.51"),
    "text": ("'a'", "'a '"),
    "varchar(9)": ("''", "' '"),
    "char(9)": ("'a'", "'b'"),
    "name": ("'n'", "'N'"),
    '"char"': ("'x'", "'y'"),
    "bytea": ("'\\x00'", "'\\x0000'"),
    "timestamp": ("'2000-01-01 00:00:00'", "'2000-01-01 00:00:00.000001'"),
    "timestamptz": ("'2000-01-01 00:00:00+00'", "'2000-01-01 00:00:00+01'"),
    "date": ("'infinity'", "'-infinity'"),
    "time": ("'24:00'", "'00:00'"),
    "timetz": ("'12:00+00'", "'13:00+01'"),
    "interval": ("'1 day'", "'24 hours'"),
    "boolean": ("true", "false"),
    "point": ("'(0,1)'", "'(1,0)'"),
    "line": ("'{{1,2,3}}'", "'{{1,2,4}}'"),
    "lseg": ("'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"),
    "box": ("'(1,1),(0,0)'", "'(2,1),(0,0)'"),
    "path": ("'[(0,0),(1,1)]'", "'((0,0),(1,1))'"),
    "polygon": ("'((0,0),(1,1))'", "'((1,1),(0,0))'"),
    "circle": ("'<(0,0),1>'", "'<(0,0),2>'"),
    "inet": ("'10.0.0.1'", "'10.0.0.1/8'"),
    "cidr": ("'10.0.0.0/8'", "'10.0.0.0/9'"),
    "macaddr": ("'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    "macaddr8": ("'08:00:2b:01:02:03:04:05'", "'08:00:2b:01:02:03:04:06'"),
    "bit(4)": ("B'0001'", "B'0010'"),
    "varbit": ("B'0'", "B'00'"),
    "tsvector": ("'a:1 b'", "'a:2 b'"),
    "tsquery": ("'a & b'", "'a | b'"),
    "uuid": ("'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"),
    "json": ("'{{\"a\":1}}'", "'{{\"a\": 1}}'"),
    "jsonb": ("'{{\"a\":1.0}}'", "'{{\"a\":1.00}}'"),
    "jsonpath": ("'$.a'", "'$.b'"),
    "int4range": ("'[1,3)'", "'[1,4)'"),
    "numrange": ("'[1,3)'", "'[1,3]'"),
    "tstzmultirange": ("'{{}}'", "'{{(,)}}'"),
    "int[]": ("'{{1,NULL}}'", "'[0:1]={{1,NULL}}'"),
    "text[]": ("'{{\"\"}}'", "'{{NULL}}'"),
    "oid": ("7", "8"),
    "regtype": ("'int'", "'bigint'"),
    "pg_lsn": ("'0/1'", "'0/2'"),
    "xid8": ("'1'", "'2'"),
    "mood": ("'sad'", "'ok'"),
    "pair": ("'(1,)'", "'(1,\"\")'"),
    "small": ("1", "2"),
    "span": ("'[1,2)'", "'[1,2]'"),
}
_VALUES = [
    statement
    for number, (_, other) in enumerate(TYPES.values())
    for statement in (
        f"UPDATE {{c}}.vals SET t{number} = {other} WHERE id = 2",
        f"UPDATE {{c}}.vals SET t{number} = NULL WHERE id = 1",
    )
]
_SINGLE = [
    "ALTER TYPE {c}.mood ADD VALUE 'more'",
    "ALTER TYPE {c}.mood RENAME VALUE 'sad' TO 'glum'",
    "ALTER TYPE {c}.pair ADD ATTRIBUTE c int",
    "ALTER DOMAIN {c}.small SET DEFAULT 2",
    "ALTER DOMAIN {c}.small SET NOT NULL",
    "ALTER DOMAIN {c}.small DROP CONSTRAINT small_check",
    "ALTER DOMAIN {c}.small ADD CHECK (VALUE > -1)",
    "ALTER SEQUENCE {c}.seq INCREMENT 1",
    "ALTER SEQUENCE {c}.seq MAXVALUE 2000",
    "ALTER SEQUENCE {c}.seq MINVALUE 0",
    "ALTER SEQUENCE {c}.seq START 5",
    "ALTER SEQUENCE {c}.seq CACHE 1",
    "ALTER SEQUENCE {c}.seq CYCLE",
    "ALTER SEQUENCE {c}.seq AS smallint",
    "ALTER SEQUENCE {c}.seq SET UNLOGGED",
    "ALTER SEQUENCE {c}.seq OWNED BY {c}.unl.id",
    "SELECT setval('{c}.seq', 9)",
    "SELECT setval('{c}.seq', 7, false)",
    "ALTER TABLE {c}.child ALTER id SET GENERATED ALWAYS",
    "ALTER TABLE {c}.child ALTER id DROP IDENTITY",
    "ALTER TABLE {c}.child ALTER doubled DROP EXPRESSION",
    "ALTER TABLE {c}.child DISABLE TRIGGER tr",
    "ALTER TABLE {c}.child ENABLE ALWAYS TRIGGER tr",
    "ALTER TABLE {c}.child DISABLE TRIGGER ALL",
    "ALTER TABLE {c}.child DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {c}.child FORCE ROW LEVEL SECURITY",
    "ALTER TABLE {c}.child REPLICA IDENTITY FULL",
    "ALTER TABLE {c}.child CLUSTER ON child_parent",
    "ALTER TABLE {c}.parent SET (fillfactor = 60)",
    "ALTER TABLE {c}.parent SET (autovacuum_enabled = off)",
    "ALTER TABLE {c}.parent SET (toast.autovacuum_enabled = off)",
    "ALTER TABLE {c}.parent DISABLE RULE rl",
    "ALTER TABLE {c}.parent SET UNLOGGED",
    "ALTER TABLE {c}.unl SET LOGGED",
    "ALTER TABLE {c}.child ALTER CONSTRAINT child_parent_fkey INITIALLY DEFERRED",
    "ALTER TABLE {c}.parent ADD more int",
    "ALTER TABLE {c}.parent ADD CHECK (id > 0)",
    "ALTER TABLE {c}.parent ADD CHECK (id > 0) NOT VALID",
    "ALTER TABLE {c}.parent ALTER num TYPE numeric(11, 2)",
    "ALTER TABLE {c}.parent ALTER code TYPE text",
    'ALTER TABLE {c}.parent ALTER name TYPE text COLLATE "POSIX"',
    "ALTER TABLE {c}.parts DETACH PARTITION {c}.parts_2",
    "ALTER TABLE {c}.heir NO INHERIT {c}.base",
    "CREATE TABLE {c}.more PARTITION OF {c}.parts FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')",
    "ALTER POLICY pol ON {c}.child USING (id > 1)",
    "ALTER POLICY pol ON {c}.child TO postgres",
    "CREATE POLICY more ON {c}.child USING (true)",
    "DROP POLICY pol ON {c}.child",
    "DROP TRIGGER tr ON {c}.child",
    "CREATE TRIGGER more AFTER INSERT ON {c}.child FOR EACH ROW EXECUTE FUNCTION {c}.called()",
    "DROP RULE rl ON {c}.parent",
    "CREATE RULE more AS ON INSERT TO {c}.parent DO ALSO NOTHING",
    "ALTER STATISTICS {c}.stats SET STATISTICS 7",
    "DROP STATISTICS {c}.stats",
    "CREATE STATISTICS {c}.more ON id, parent FROM {c}.child",
    "ALTER VIEW {c}.v SET (security_barrier = false)",
    "ALTER VIEW {c}.v SET (security_invoker = true)",
    "ALTER VIEW {c}.v ALTER name SET DEFAULT 'y'",
    "CREATE OR REPLACE VIEW {c}.v AS SELECT id, name FROM {c}.parent WHERE id > 1",
    "CREATE VIEW {c}.more AS SELECT 1 AS one",
    "REFRESH MATERIALIZED VIEW {c}.mv WITH NO DATA",
    "ALTER MATERIALIZED VIEW {c}.mv SET (fillfactor = 60)",
    "CREATE OR REPLACE FUNCTION {c}.f(a int) RETURNS int LANGUAGE sql IMMUTABLE COST 5 AS 'SELECT a + 2'",
    "ALTER FUNCTION {c}.f STABLE",
    "ALTER FUNCTION {c}.f STRICT",
    "ALTER FUNCTION {c}.f SECURITY DEFINER",
    "ALTER FUNCTION {c}.f LEAKPROOF",
    "ALTER FUNCTION {c}.f COST 6",
    "ALTER FUNCTION {c}.f PARALLEL SAFE",
    "ALTER FUNCTION {c}.f SET work_mem = '8MB'",
    "ALTER FUNCTION {c}.f RENAME TO g",
    "ALTER PROCEDURE {c}.proc SET work_mem = '8MB'",
    "CREATE OR REPLACE PROCEDURE {c}.proc(x int) LANGUAGE plpgsql AS 'BEGIN COMMIT; END'",
    "CREATE OR REPLACE AGGREGATE {c}.agg(int) (sfunc = int4pl, stype = int, initcond = 1, parallel = safe)",
    "CREATE OR REPLACE AGGREGATE {c}.agg(int) (sfunc = int4pl, stype = int, initcond = 0, parallel = unsafe)",
    "CREATE OR REPLACE AGGREGATE {c}.agg(int) (sfunc = int4mul, stype = int, initcond = 0, parallel = safe)",
    "DROP OPERATOR {c}.=== (int, int)",
    "ALTER OPERATOR {c}.=== (int, int) SET (RESTRICT = eqsel)",
    "DROP COLLATION {c}.coll",
    "DROP COLLATION {c}.coll; CREATE COLLATION {c}.coll (provider = icu, locale = 'sv-SE')",
    "DROP COLLATION {c}.coll; CREATE COLLATION {c}.coll "
    "(provider = icu, locale = 'de-DE', deterministic = false)",
    "ALTER TEXT SEARCH CONFIGURATION {c}.conf DROP MAPPING FOR email",
    "ALTER TEXT SEARCH CONFIGURATION {c}.conf ALTER MAPPING FOR word WITH english_stem",
    "ALTER TEXT SEARCH DICTIONARY {c}.dict (accept = false)",
    "DROP TEXT SEARCH DICTIONARY {c}.dict",
    "COMMENT ON TABLE {c}.parent IS 'another'",
    "COMMENT ON COLUMN {c}.parent.name IS NULL",
    "COMMENT ON FUNCTION {c}.f IS NULL",
    "COMMENT ON SCHEMA {c} IS 'new'",
    "COMMENT ON TYPE {c}.mood IS 'new'",
    "COMMENT ON POLICY pol ON {c}.child IS 'new'",
    "COMMENT ON TRIGGER tr ON {c}.child IS 'new'",
    "COMMENT ON CONSTRAINT both_given ON {c}.parent IS 'new'",
    "COMMENT ON INDEX {c}.child_parent IS 'new'",
    "COMMENT ON STATISTICS {c}.stats IS 'new'",
    "DELETE FROM {c}.parent WHERE id = 20",
    "INSERT INTO {c}.parent VALUES (21, 'a', 'more')",
    "UPDATE {c}.parts SET at = '2020-12-05' WHERE id = 60",
    "INSERT INTO {c}.base VALUES (1, 'z')",
    "DELETE FROM {c}.heir",
    "UPDATE {c}.child SET words = 'c' WHERE id = 3",
]
_BENIGN = [
    "VACUUM FULL {c}.parent",
    "REINDEX TABLE {c}.child",
    "ANALYZE {c}.parent",
    "CREATE OR REPLACE FUNCTION {c}.f(a int) RETURNS int LANGUAGE sql IMMUTABLE COST 5 AS 'SELECT a + 1'",
    "ALTER FUNCTION {c}.f RENAME TO g; ALTER FUNCTION {c}.g RENAME TO f",
    "CREATE OR REPLACE VIEW {c}.v WITH (security_barrier) AS SELECT id, name FROM {c}.parent WHERE id > 0",
    "DROP INDEX {c}.child_words; CREATE INDEX child_words ON {c}.child USING gin (words)",
    "DROP INDEX {c}.child_parent; CREATE INDEX child_parent ON {c}.child (parent DESC) WHERE parent > 0",
    "REFRESH MATERIALIZED VIEW {c}.mv",
    "GRANT SELECT ON {c}.parent TO PUBLIC",
    "ALTER TABLE {c}.parent OWNER TO postgres",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {c} GRANT SELECT ON TABLES TO PUBLIC",
    "SELECT setval('{c}.seq', 7)",
    "ALTER TABLE {c}.child DISABLE TRIGGER tr; ALTER TABLE {c}.child ENABLE TRIGGER tr",
    "ALTER TABLE {c}.parent SET (fillfactor = 60); ALTER TABLE {c}.parent RESET (fillfactor)",
    "COMMENT ON TABLE {c}.parent IS 'a table'",
    "DELETE FROM {c}.heir; INSERT INTO {c}.heir VALUES (1, 'z', 2)",
    "DROP STATISTICS {c}.stats; CREATE STATISTICS {c}.stats (ndistinct) ON id, parent FROM {c}.child",
    "ALTER TABLE {c}.parent DROP CONSTRAINT parent_code_check, ADD CHECK (code IN ('a', 'b'))",
    "ALTER TABLE {c}.child ALTER small SET DEFAULT 3; ALTER TABLE {c}.child ALTER small DROP DEFAULT",
]

# Statements about whatever the catalogue has, as queries of the schema {c}.
_MADE_UP = """
SELECT format(what, '{c}', c.relname, a.attname)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, unnest(ARRAY[
    'ALTER TABLE %s.%I DROP %I CASCADE', 'ALTER TABLE %s.%I RENAME %I TO renamed',
    'ALTER TABLE %s.%I ALTER %I SET STATISTICS 77', 'COMMENT ON COLUMN %s.%I.%I IS ''new''',
    'ALTER TABLE %s.%I ALTER %I SET (n_distinct = 5)']) AS what
WHERE c.relnamespace = 'CELL'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
  AND NOT a.attisdropped AND a.attinhcount = 0 AND (c.relname <> 'vals' OR a.attnum < 12)
UNION ALL
SELECT format('ALTER TABLE %s.%I ALTER %I %s', '{c}', c.relname, a.attname,
              CASE WHEN a.attnotnull THEN 'DROP NOT NULL' ELSE 'SET NOT NULL' END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'CELL'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.attinhcount = 0
  AND (c.relname <> 'vals' OR a.attnum < 12)
UNION ALL
SELECT format(what, '{c}', c.relname) FROM pg_class c, unnest(ARRAY[
    'DROP INDEX %s.%I CASCADE', 'ALTER INDEX %s.%I RENAME TO renamed',
    'ALTER INDEX %s.%I SET (fillfactor = 55)', 'COMMENT ON INDEX %s.%I IS ''new''']) AS what
WHERE c.relnamespace = 'CELL'::regnamespace AND c.relkind IN ('i', 'I') AND NOT c.relispartition
UNION ALL
SELECT format(what, '{c}', r.relname, k.conname)
FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid, unnest(ARRAY[
    'ALTER TABLE %s.%I DROP CONSTRAINT %I CASCADE',
    'ALTER TABLE %s.%I RENAME CONSTRAINT %I TO renamed']) AS what
WHERE k.connamespace = 'CELL'::regnamespace AND NOT r.relispartition AND k.contype <> 'n'
UNION ALL
SELECT format(what, '{c}', c.relname) FROM pg_class c, unnest(ARRAY[
    'DROP TABLE %s.%I CASCADE', 'ALTER TABLE %s.%I RENAME TO renamed', 'COMMENT ON TABLE %s.%I IS ''new''',
    'CREATE INDEX ON %s.%I ((1))']) AS what
WHERE c.relnamespace = 'CELL'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY 1"""


@dataclass(frozen=True)
class Sides:
    """The source, and a target that is made anew for each comparison."""

    server: object
    cells: tuple[str, ...]

    def url(self, name):
        return self.server.url(name)

    def fresh(self):
        """Make the target as the clone left it; return its address."""
        with psycopg.connect(self.server.url(), autocommit=True) as session:
            session.execute("DROP DATABASE IF EXISTS corrupted")
            session.execute("CREATE DATABASE corrupted TEMPLATE corrupted_clone")
        return connection.parse(self.url("corrupted"))


@pytest.fixture(scope="module")
def sides(postgres_server):
    cells = tuple(f"cell_{number}" for number in range(TOGETHER + UNTOUCHED))
    columns = "".join(f", t{number} {kind}" for number, kind in enumerate(TYPES))
    values = "".join(f", {value.format()}" for value, _ in TYPES.values())
    postgres_server.create_database("corruptible")
    postgres_server.create_database("corrupted_clone")
    with psycopg.connect(postgres_server.url("corruptible"), autocommit=True) as session:
        for cell in cells:
            session.execute(CELL.format(c=cell, columns=columns, values=values))
        session.execute("VACUUM ANALYZE")
    ends = [connection.parse(postgres_server.url(name)) for name in ("corruptible", "corrupted_clone")]
    clone_database(*ends, CloneOptions(), check=False, emit=emit)
    return Sides(postgres_server, cells)


def made_up(sides):
    """Return the statements that the catalogue gives rise to."""
    with psycopg.connect(sides.url("corruptible")) as session:
        return [row[0] for row in session.execute(_MADE_UP.replace("CELL", sides.cells[0]))]


def changed(sides, statements):
    """Apply each to a schema of its own and compare; return each with the lines about it, and the others.

    A statement that the server does not take is none: DROP NOT NULL of a key, say.
    """
    target = sides.fresh()
    placed = {}
    with psycopg.connect(sides.url("corrupted"), autocommit=True) as session:
        for cell, statement in zip(sides.cells, statements, strict=False):
            try:
                session.execute(statement.format(c=cell))
            except psycopg.Error:
                continue
            placed[cell] = statement
    lines = compare_databases(connection.parse(sides.url("corruptible")), target, examples=0).differences()
    about = {cell: [line for line in lines if re.search(rf"\b{cell}\b", line)] for cell in sides.cells}
    return {cell: (statement, about.pop(cell)) for cell, statement in placed.items()}, about


def in_batches(statements):
    shuffled = list(statements)
    random.Random(SEED).shuffle(shuffled)
    return [shuffled[start : start + TOGETHER] for start in range(0, len(shuffled), TOGETHER)]


@pytest.mark.sweep
def test_every_corruption_is_found_and_nothing_else(sides):
    statements = [*_SINGLE, *_VALUES, *made_up(sides)]
    unseen, alarms, tried = [], [], 0
    for batch in in_batches(some(statements, CORRUPTIONS)):
        found, others = changed(sides, batch)
        tried += len(found)
        unseen += [statement for statement, lines in found.values() if not lines]
        alarms += [line for lines in others.values() for line in lines]
    assert unseen == []
    assert alarms == []
    assert tried >= (ENOUGH if STRESS else CORRUPTIONS // 2)


@pytest.mark.sweep
def test_benign_changes_raise_no_alarm(sides):
    statements = _BENIGN * (-(-ENOUGH_BENIGN // len(_BENIGN))) if STRESS else _BENIGN
    alarms, tried = [], 0
    for batch in in_batches(some(statements, BENIGN)):
        found, others = changed(sides, batch)
        tried += len(found)
        alarms += [(statement, lines) for statement, lines in found.values() if lines]
        alarms += [("nothing", lines) for lines in others.values() if lines]
    assert alarms == []
    assert tried >= (ENOUGH_BENIGN if STRESS else BENIGN)
