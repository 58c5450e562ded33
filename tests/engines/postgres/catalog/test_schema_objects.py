"""What the catalogue knows is compared: each of these changes of a target is found, and nothing else."""

from __future__ import annotations

import psycopg
import pytest

from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection

MADE = """
CREATE EXTENSION citext;
CREATE SCHEMA app;
CREATE TABLE app.parent (id int PRIMARY KEY);
CREATE TABLE app.child (id int PRIMARY KEY, p int REFERENCES app.parent, k int UNIQUE DEFERRABLE,
    t text, b text);
CREATE TYPE app.pair AS (a int, b int);
CREATE COLLATION app.de (provider = icu, locale = 'de-DE');
CREATE SEQUENCE app.s;
CREATE AGGREGATE app.total (int) (sfunc = int4pl, stype = int, initcond = '0', parallel = safe);
CREATE DOMAIN app.name AS text COLLATE "C";
CREATE STATISTICS app.st ON id, p FROM app.child;
CREATE TABLE app.ordered (id int) WITH (fillfactor = 70, autovacuum_enabled = off);
CREATE TYPE app.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE ACCESS METHOD piled TYPE TABLE HANDLER heap_tableam_handler; -- FOREIGN to an ordinary role
CREATE FOREIGN DATA WRAPPER beyond;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere OPTIONS (host 'h', port '5432', dbname 'd');
CREATE FOREIGN TABLE app.far (id int OPTIONS (column_name 'x')) SERVER elsewhere OPTIONS (b 't', a 'u');
COMMENT ON SCHEMA public IS 'kept';
INSERT INTO app.parent VALUES (1); INSERT INTO app.child VALUES (1, 1, 1, NULL, 'b');
"""
# A change of the target, and how the difference begins.
CHANGES = {
    "DROP EXTENSION citext": "extension citext: not on the target",
    "ALTER EXTENSION citext SET SCHEMA app": "extension citext: defined differently",
    "ALTER TABLE app.child DISABLE TRIGGER ALL": "disabled constraint app.child.",
    "ALTER TABLE app.child DROP t, ADD t text": "column order app.child",
    "DROP TYPE app.pair; CREATE TYPE app.pair AS (b int, a int)": "column order app.pair",
    "DROP COLLATION app.de; CREATE COLLATION app.de (provider = icu, locale = 'sv-SE')": "collation app.de",
    "ALTER DATABASE {name} SET default_transaction_read_only = on": "setting of the database default_tran",
    "CREATE EVENT TRIGGER heard ON sql_drop EXECUTE FUNCTION said()": "event trigger heard: only on the",
    "COMMENT ON DATABASE {name} IS 'noted'": "comment of the database noted: only on the target",
    "CREATE SCHEMA empty_one": "empty schema empty_one: only on the target",
    "ALTER SEQUENCE app.s SET UNLOGGED": "sequence app.s: defined differently",
    "DROP AGGREGATE app.total (int); CREATE AGGREGATE app.total (int) "
    "(sfunc = int4pl, stype = int, initcond = '0', parallel = unsafe)": "aggregate app.total",
    'DROP DOMAIN app.name; CREATE DOMAIN app.name AS text COLLATE "POSIX"': "domain app.name",
    "ALTER STATISTICS app.st SET STATISTICS 7": "statistics target app.st: only on the target",
    "COMMENT ON SCHEMA public IS NULL": "comment schema public: not on the target",
    "ALTER INDEX app.child_pkey SET (fillfactor = 50)": "options of key app.child.child_pkey",
    "ALTER TABLE app.child ALTER t SET COMPRESSION pglz": "compression app.child.t: only on the target",
    "ALTER TABLE app.child SET (toast.autovacuum_enabled = off)": "table app.child: defined differently",
    "ALTER TABLE app.ordered SET (fillfactor = 80)": "table app.ordered: defined differently",
    "ALTER SERVER elsewhere OPTIONS (SET host 'i')": "server elsewhere: defined differently",
    "DROP SERVER elsewhere CASCADE; CREATE SERVER elsewhere FOREIGN DATA WRAPPER beyond "
    "OPTIONS (host 'h', port '5432', dbname 'd'); CREATE FOREIGN TABLE app.far "
    "(id int OPTIONS (column_name 'x')) SERVER elsewhere OPTIONS (b 't', a 'u')": "server elsewhere: defined",
    "DROP TYPE app.span; CREATE TYPE app.span AS RANGE (subtype = float8)": "range type app.span: defined",
    "ALTER TABLE app.ordered SET ACCESS METHOD piled": "table app.ordered: defined differently",
}
SAME = [
    "ALTER TABLE app.ordered RESET (fillfactor, autovacuum_enabled); "
    "ALTER TABLE app.ordered SET (autovacuum_enabled = off, fillfactor = 70)",
    "ALTER FOREIGN TABLE app.far OPTIONS (DROP a); ALTER FOREIGN TABLE app.far OPTIONS (ADD a 'u')",
    "ALTER SERVER elsewhere OPTIONS (DROP host); ALTER SERVER elsewhere OPTIONS (ADD host 'h')",
    "CREATE EXTENSION hstore",
    "ALTER DATABASE {name} SET work_mem = '9MB'",
    "VACUUM FULL app.child",
    "REINDEX TABLE app.child",
]


@pytest.fixture(scope="module")
def copied(postgres_server):
    """Return the names of two equal databases, to make copies of."""
    for name in ("seen_source", "seen_target"):
        postgres_server.create_database(name)
        with psycopg.connect(postgres_server.url(name), autocommit=True) as session:
            session.execute(MADE)
            session.execute("CREATE FUNCTION said() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    return ("seen_source", "seen_target")


def differences(postgres_server, copied, change):
    with psycopg.connect(postgres_server.url(), autocommit=True) as session:
        session.execute("DROP DATABASE IF EXISTS seen_changed")
        session.execute(f"CREATE DATABASE seen_changed TEMPLATE {copied[1]}")
    with psycopg.connect(postgres_server.url("seen_changed"), autocommit=True) as session:
        for statement in change.replace("{name}", "seen_changed").split("; "):
            session.execute(statement)
    ends = [connection.parse(postgres_server.url(name)) for name in (copied[0], "seen_changed")]
    return compare_databases(*ends).differences()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_and_nothing_else(postgres_server, copied, change):
    found = differences(postgres_server, copied, change)
    assert found
    assert all(line.startswith(CHANGES[change]) for line in found), found


@pytest.mark.parametrize("change", SAME)
def test_what_means_the_same_is_no_difference(postgres_server, copied, change):
    assert differences(postgres_server, copied, change) == []


def test_a_copy_has_all_of_it(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        # An ordinary role makes no wrapper.
        session.execute("\n".join(line for line in MADE.splitlines() if "FOREIGN" not in line))
        session.execute("ALTER INDEX app.child_pkey SET (fillfactor = 50)")
        session.execute("ALTER STATISTICS app.st SET STATISTICS 7")
        session.execute("ALTER TABLE app.child ALTER t SET COMPRESSION pglz")
        session.execute("ALTER TABLE app.child SET (toast.autovacuum_enabled = off)")
        session.execute("ALTER SEQUENCE app.s SET UNLOGGED")
        session.execute("ALTER TABLE app.child DISABLE TRIGGER ALL")
        session.execute("CREATE TABLE app.grown (own int) INHERITS (app.parent)")
        session.execute("ALTER TABLE app.parent ADD later int")
    planned = clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit).plan
    named = {(one.kind, one.name) for one in planned.not_copied}
    assert ("disabled constraint", "app.child.child_p_fkey") in named
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not clone_database(ends.source, ends.target, CloneOptions(), check=True, emit=emit).plan.changes


def test_the_declaration_of_xml_arrives_and_is_compared(databases):
    ends = databases(hostile=False)
    with psycopg.connect(ends.source_url, autocommit=True) as session:
        if not session.execute("SELECT 1 FROM pg_config WHERE setting LIKE '%--with-libxml%'").fetchone():
            return  # the server of the wheel has no value of that type
        session.execute("CREATE TABLE papers (id int PRIMARY KEY, x xml)")
        session.execute(
            """INSERT INTO papers VALUES (1, '<?xml version="1.0"?><a/>'), (2, NULL),
            (3, '<?xml version="1.0" encoding="latin1" standalone="yes"?><a>\u00e9</a>'), (4, 'plain')"""
        )
    clone_database(ends.source, ends.target, CloneOptions(), check=False, emit=emit)
    assert compare_databases(ends.source, ends.target).differences() == []
    with psycopg.connect(ends.target_url, autocommit=True) as session:
        assert session.execute("SELECT x::text FROM papers WHERE id = 1").fetchone() == (
            '<?xml version="1.0"?><a/>',
        )
        session.execute("UPDATE papers SET x = '<a/>' WHERE id = 1")
    (line,) = compare_databases(ends.source, ends.target).differences()
    assert "changed at id 1" in line
