"""A database that holds everything arrives whole, in this version and in 18; what does not is named."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session import connection
from tests.engines.postgres.identities import unaccounted

PASSWORD = "s3cr%3At%2F%40"

# What only some servers are built with: (word of the configuration, statements).
OPTIONAL = {
    "--with-libxml": """
        CREATE TABLE beyond.papers (id int PRIMARY KEY, x xml, xs xml[]);
        INSERT INTO beyond.papers VALUES (1, '<a>1</a>', '{<b/>}'), (2, NULL, NULL);""",
    "--with-icu": """
        CREATE COLLATION beyond.german (provider = icu, locale = 'de-u-co-phonebk');
        CREATE COLLATION beyond.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE beyond.sorted (a text COLLATE beyond.german, b text COLLATE beyond.blind UNIQUE,
                                    c text COLLATE "de-x-icu");
        INSERT INTO beyond.sorted VALUES ('ä', 'A', 'z'), ('a', 'b', 'ö');
        CREATE INDEX sorted_a ON beyond.sorted (a COLLATE "sv-x-icu");
        CREATE VIEW beyond.sorted_view AS SELECT a FROM beyond.sorted ORDER BY a COLLATE "en-x-icu";""",
    "--with-lz4": """
        CREATE TABLE beyond.packed (id int PRIMARY KEY, t text COMPRESSION lz4);
        INSERT INTO beyond.packed VALUES (1, repeat('packed', 100000));""",
}


def run(ends, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=False, emit=emit)


def named(result):
    return {(one.kind, one.name) for one in result.plan.not_copied}


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def rows_of(url):
    """Return a digest of every table's rows, read by plain means."""
    found = {}
    with psycopg.connect(url) as session:
        # One path for both sides: it shows in names. Not an empty one: functions of indexes look along it.
        session.execute("SET search_path = public")
        tables = session.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
            "AND c.relispopulated "
            "AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')"
        ).fetchall()
        for (table,) in tables:
            digest = hashlib.sha256()
            # The columns by name: a partition may have them in another order, or gaps between them.
            columns = session.execute(
                "SELECT string_agg(quote_ident(attname), ',' ORDER BY attname) FROM pg_attribute "
                "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
                [table],
            ).fetchone()[0]
            rows = f"SELECT row({columns or ''})::text FROM ONLY {table} ORDER BY 1"  # noqa: S608 - quoted names
            query = f"COPY ({rows}) TO STDOUT"
            with session.cursor().copy(query) as copied:
                for piece in copied:
                    digest.update(piece)
            found[table] = digest.hexdigest()
    return found


@pytest.fixture(params=["same", "later"])
def everything(request, databases, everything_template):
    """Return the ends of a copy of everything, into a server of this version and of a later one."""
    ends = databases(template=everything_template)
    if request.param == "later":
        on(ends.source_url, "DROP TABLE IF EXISTS documents")  # of XML, which that server has not
        later = request.getfixturevalue("later_server")
        later.create_database(ends.target_name, owner="master")
        ends.target_url = later.url(ends.target_name, "master", PASSWORD)
        ends.target = connection.parse(ends.target_url)
        ends.admin_url = later.url(ends.target_name)
    else:
        ends.admin_url = request.getfixturevalue("postgres_server").url(ends.target_name)
    return ends


def test_everything_arrives_or_is_named(everything):
    result = run(everything)
    assert on(everything.target_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [
        (False,)
    ]
    assert compare_databases(everything.source, everything.target).differences() == []
    assert rows_of(everything.source_url) == rows_of(everything.admin_url)
    names = named(result)
    left = unaccounted(everything.source_url, everything.admin_url, names)
    assert {one for one in left if one[0] != "default acl"} == set()
    assert ("default privileges", "postgres") in names
    assert ("index", "beyond.backwards_i") in names
    # What needs something that is left out says so; what is no one's business but the owner's is said too.
    reasons = {one.name: one.reason for one in result.plan.not_copied}
    assert reasons["beyond.uses_view"].startswith("needs function beyond.in_c(integer): ")
    assert {"privileges", "owner", "user mapping", "publication"} <= {kind for kind, _ in names}
    assert not run(everything).plan.changes


def test_a_copy_can_be_copied_by_its_ordinary_owner(databases, everything_template, postgres_server):
    first, second = databases(template=everything_template), databases(hostile=False)
    run(first)
    onward = SimpleNamespace(source=first.target, target=second.target)
    names = named(run(onward))
    # Numbers that named nothing on the first source either.
    assert {kind for kind, _ in names} == {"reference"}
    assert compare_databases(onward.source, onward.target).differences() == []
    url = postgres_server.url
    assert unaccounted(url(first.target_name), url(second.target_name), names) == set()


def test_a_superuser_leaves_nothing_behind_that_a_role_could_not_create(
    databases, everything_template, postgres_server
):
    ends = databases(template=everything_template)
    ends.target = connection.parse(postgres_server.url(ends.target_name))
    kinds = {kind for kind, _ in named(run(ends))}
    assert kinds.isdisjoint(
        {"function", "view", "operator class", "type", "cast", "forced row security", "owner"}
    )
    assert compare_databases(ends.source, ends.target).differences() == []
    assert on(postgres_server.url(ends.target_name), "SELECT one FROM beyond.uses_view") == [(1,)]


def test_what_this_server_is_built_with_arrives(databases, everything_template):
    ends = databases(template=everything_template)
    add_options(ends)
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_what_the_later_server_is_built_without_is_refused_or_named(
    databases, everything_template, later_server
):
    ends = databases(template=everything_template)
    have = add_options(ends)
    later_server.create_database("lacking", owner="master")
    ends.target = connection.parse(later_server.url("lacking", "master", PASSWORD))
    if "--with-libxml" not in have or "--with-icu" not in have:
        pytest.skip("this server has no more than the later one")
    with pytest.raises(ConfigurationError, match="cannot take all of the source's tables") as refused:
        run(ends)
    assert [line.partition(": ")[0] for line in refused.value.details] == [
        "table beyond.papers",
        "table beyond.sorted",
        "table public.documents",
    ]
    assert "built without XML" in refused.value.details[0]
    assert "needs collation" in refused.value.details[1]
    assert on(later_server.url("lacking"), "SELECT count(*) FROM pg_namespace WHERE nspname = 'beyond'") == [
        (0,)
    ]
    without = ("beyond.papers", "beyond.sorted", "documents")
    result = run(ends, exclude_tables=without)
    names = named(result)
    assert {("collation", "beyond.german"), ("view", "beyond.sorted_view"), ("compression", "lz4")} <= names
    found = compare_databases(ends.source, ends.target, exclude_tables=without)
    assert found.differences() == []


def add_options(ends):
    (configured,) = on(ends.source_url, "SELECT setting FROM pg_config WHERE name = 'CONFIGURE'")[0]
    have = [word for word in OPTIONAL if word in configured]
    on(ends.source_url, *(OPTIONAL[word] for word in have))
    return have
