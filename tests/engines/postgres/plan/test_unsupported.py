"""What a target cannot take is known before a byte moves; what a copy does otherwise than pg_dump."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from engines.errors import ConfigurationError
from engines.events import emit
from engines.postgres import clone_database, compare_databases
from engines.postgres.catalog import capabilities, sequences
from engines.postgres.catalog.relations import Scope, Sequence
from engines.postgres.plan import unsupported
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.plan.not_copied import NotCopied
from engines.postgres.plan.unsupported import fallout
from engines.postgres.session import connection

A, B, C, D = (1, 1), (1, 2), (2, 1), (2, 2)


def run(ends, **options):
    return clone_database(ends.source, ends.target, CloneOptions(**options), check=False, emit=emit)


def on(url, *statements):
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_what_falls_with_a_thing_falls_once_even_in_a_circle():
    assert fallout([A], [(B, A), (C, B), (B, C), (D, D)]) == {A: A, B: A, C: A}
    assert fallout([], [(B, A)]) == {}


def test_tables_that_need_what_the_target_lacks_are_refused_by_name_unless_left_out(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE EXTENSION hstore",
        "CREATE TABLE needs_it (id int PRIMARY KEY, h hstore)",
        "CREATE TABLE free (id int PRIMARY KEY, n int)",
        "CREATE VIEW sees_it AS SELECT h FROM needs_it",
        "CREATE INDEX ON free ((hstore('a', n::text)))",
    )
    with (
        connection.session(ends.source, read_only=True) as source,
        connection.session(ends.target) as target,
    ):
        offered = capabilities.read(target)
        lacking = replace(offered, extensions={"plpgsql": offered.extensions["plpgsql"]})
        found = unsupported.find(source, lacking, frozenset(), Scope())
        assert unsupported.find(source, offered, frozenset(), Scope()) == unsupported.Unsupported()
        with pytest.raises(ConfigurationError) as refused:
            unsupported.require_none_blocking(found, "target")
        assert refused.value.details == [
            "table public.needs_it: needs extension hstore: the target does not offer the extension hstore"
        ]
        assert {(one.kind, one.name) for one in found.left_out} == {
            ("extension", "hstore"),
            ("view", "public.sees_it"),
            ("index", "public.free_hstore_idx"),
        }
        without = unsupported.find(
            source, lacking, frozenset(), Scope((), frozenset({("public", "needs_it")}))
        )
        assert without.blocking == ()


def test_what_sees_a_table_that_is_left_out_is_left_out_by_name(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE secret (id int PRIMARY KEY)",
        "CREATE TABLE plain (id int REFERENCES secret)",
        "CREATE VIEW sees AS SELECT id FROM secret",
        "CREATE VIEW sees_more AS SELECT id FROM sees",
        "COMMENT ON VIEW sees_more IS 'falls too'",
    )
    names = {(one.kind, one.name) for one in run(ends, exclude_tables=("secret",)).plan.not_copied}
    assert {("view", "public.sees"), ("view", "public.sees_more")} <= names
    assert ("foreign key", "public.plain.plain_id_fkey") in names
    assert compare_databases(ends.source, ends.target, exclude_tables=("secret",)).differences() == []


def test_a_chosen_schema_that_needs_another_is_refused(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE SCHEMA one",
        "CREATE SCHEMA two",
        "CREATE TYPE two.colour AS ENUM ('red')",
        "CREATE TABLE one.painted (c two.colour)",
        "CREATE FUNCTION one.paint() RETURNS two.colour LANGUAGE sql AS $$ SELECT 'red'::two.colour $$",
    )
    with pytest.raises(
        ConfigurationError, match=r"table one\.painted: needs type two\.colour: it is not copied"
    ):
        run(ends, schemas=("one",))
    run(ends, schemas=("one", "two"))
    assert compare_databases(ends.source, ends.target, schemas=("one", "two")).differences() == []


def test_row_security_that_hides_rows_of_the_source_is_refused_by_name(databases):
    ends = databases(hostile=False)
    owner = ends.source_url.replace("postgres:postgres@", "master:s3cr%3At%2F%40@")
    on(ends.source_url, f"ALTER DATABASE {ends.source_name} OWNER TO master")
    on(
        owner,
        "CREATE TABLE forced (id int)",
        "INSERT INTO forced VALUES (1)",
        "ALTER TABLE forced ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY none ON forced USING (false)",
    )
    ends.source = connection.parse(owner)
    run(ends)
    assert on(ends.target_url, "SELECT * FROM forced") == [(1,)]
    on(owner, "ALTER TABLE forced FORCE ROW LEVEL SECURITY")
    with pytest.raises(ConfigurationError, match=r"hide rows of public\.forced from master"):
        run(ends)


def test_forced_row_security_comes_along_where_the_target_can_still_be_read(databases, postgres_server):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE forced (id int)",
        "INSERT INTO forced VALUES (1)",
        "ALTER TABLE forced ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE forced FORCE ROW LEVEL SECURITY",
    )
    on(postgres_server.url(), "CREATE ROLE sees_all LOGIN BYPASSRLS PASSWORD 'x'")
    on(postgres_server.url(), f"ALTER DATABASE {ends.target_name} OWNER TO sees_all")
    ends.target = connection.parse(postgres_server.url(ends.target_name, "sees_all", "x"))
    assert "forced row security" not in {one.kind for one in run(ends).plan.not_copied}
    query = "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'forced'"
    assert on(postgres_server.url(ends.target_name), query) == [(True,)]
    assert compare_databases(ends.source, ends.target).differences() == []


def test_a_partition_with_an_identity_of_its_own_is_refused_for_later_servers_alone(databases, later_server):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE whole (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY LIST (k)",
        "CREATE TABLE part (id int NOT NULL GENERATED BY DEFAULT AS IDENTITY, k int)",
        "ALTER TABLE whole ATTACH PARTITION part FOR VALUES IN (1)",
        "INSERT INTO part (k) VALUES (1)",
    )
    later_server.create_database(ends.target_name, owner="master")
    later = connection.parse(later_server.url(ends.target_name, "master", "s3cr%3At%2F%40"))
    with pytest.raises(
        ConfigurationError, match=r"table public\.part: its column id is an identity .* DROP I"
    ):
        clone_database(ends.source, later, CloneOptions(), check=True, emit=emit)
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_a_column_that_may_be_null_unlike_the_inherited_one_is_refused_before_rows_move(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE elder (id int, t text NOT NULL)",
        "CREATE TABLE heir () INHERITS (elder)",
        "ALTER TABLE heir ALTER t DROP NOT NULL",
    )
    with pytest.raises(ConfigurationError, match=r"table public\.heir: its column t may be null"):
        run(ends)
    on(ends.source_url, "ALTER TABLE heir ALTER t SET NOT NULL")
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []


def test_conditions_that_ask_other_tables_come_after_the_rows_and_are_finished_too(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE a_asks (z int)",
        "CREATE TABLE z_told (id int PRIMARY KEY, big text)",
        "INSERT INTO z_told VALUES (1, repeat('small', 9))",
        # Found along the search path only.
        "CREATE FUNCTION told(int) RETURNS boolean LANGUAGE plpgsql STABLE AS"
        " $$ BEGIN RETURN EXISTS (SELECT FROM z_told n WHERE n.id = $1); END $$",
        "ALTER TABLE a_asks ADD CONSTRAINT is_told CHECK (told(z))",
        "INSERT INTO a_asks SELECT 1 FROM generate_series(1, 9999)",
    )
    run(ends)
    assert compare_databases(ends.source, ends.target).differences() == []
    on(ends.target_url, "ALTER TABLE a_asks DROP CONSTRAINT is_told")
    assert run(ends).plan.finish_schema
    assert compare_databases(ends.source, ends.target).differences() == []


def test_sequences_are_set_past_what_their_columns_hold_and_it_is_said(databases):
    ends = databases(hostile=False)
    on(
        ends.source_url,
        "CREATE TABLE loaded (id serial PRIMARY KEY)",
        "INSERT INTO loaded VALUES (41), (2147483647)",
        "CREATE TABLE fine (id serial PRIMARY KEY)",
        "INSERT INTO fine DEFAULT VALUES",
    )
    result = run(ends)
    reason = "1 comes next there, behind numbers in use: 42 on the target"
    assert NotCopied("position of a sequence", "public.loaded_id_seq", reason) in result.plan.not_copied
    assert on(ends.target_url, "INSERT INTO loaded DEFAULT VALUES RETURNING id") == [(42,)]
    on(ends.target_url, "DELETE FROM loaded WHERE id = 42", "SELECT setval('loaded_id_seq', 41)")
    assert compare_databases(ends.source, ends.target).differences() == []
    assert not run(ends).plan.changes
    on(ends.target_url, "SELECT setval('loaded_id_seq', 40)")
    assert [line[:30] for line in compare_databases(ends.source, ends.target).differences()] == [
        "sequence public.loaded_id_seq:"
    ]
    # As it stands on the source is equal too: an exact copy is no difference.
    on(ends.target_url, "SELECT setval('loaded_id_seq', 1, false)")
    assert compare_databases(ends.source, ends.target).differences() == []


@pytest.mark.parametrize(
    ("place", "value", "end", "comes_next"),
    [
        ((1, False, 1), 3, 100, 4),
        ((1, True, 1), 1, 100, 2),
        ((3, True, 1), 3, 100, 4),
        ((3, False, 1), 3, 100, 4),
        ((10, True, 10), 25, 100, 30),
        ((10, True, 10), 20, 100, 30),
        ((5, True, 1), 0, 100, 6),
        ((-1, False, -3), -8, -100, -10),
        ((1, False, 1), 99, 100, 100),
        ((1, False, 1), 100, 100, 1),
    ],
)
def test_a_sequence_moves_past_a_value_in_its_own_steps_unless_it_would_end(place, value, end, comes_next):
    moved = sequences.past(Sequence("p", "s", *place), value, end)
    assert moved.next_value == comes_next
