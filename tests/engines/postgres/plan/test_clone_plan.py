"""Plans, decided from literal facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.errors import ConfigurationError, RefusedError
from engines.postgres.catalog.binary_types import Type, is_binary
from engines.postgres.catalog.database import Database, Server
from engines.postgres.catalog.relations import Column, ForeignKey, Scope, Sequence, Table, parse_names
from engines.postgres.catalog.schema_objects import ObjectKey, difference
from engines.postgres.plan import clone_plan, guards
from engines.postgres.plan.clone_plan import CloneOptions
from engines.postgres.session.errors import SchemaDiffersError

SERVER = Server("db", "UTF8", "me", "15.1", "noon", is_superuser=False, major=15)
A = Table("public", "a", (Column("id"),), rows=3, bytes=10)
B = Table("public", "b", (Column("id"),), rows=5, bytes=99)
KEY = ForeignKey(B.key, "b_a", A.key, "public.b.b_a")
OBJECTS = {
    ObjectKey("table", "public.a"): "p",
    ObjectKey("table", "public.b"): "p",
    ObjectKey("index", "public.i"): "i",
}
SOURCE = Database(SERVER, (A, B), (Sequence("public", "s", 7, True),), (KEY,), OBJECTS, ("one",))
TARGET = replace(SOURCE, server=replace(SERVER, started="later"))
EQUAL = {A.key: "equal", B.key: "equal"}


def test_blank_target_gets_everything_the_largest_table_first():
    found = clone_plan.make_plan(SOURCE, TARGET, "blank", {}, CloneOptions())
    assert found.restore_schema
    assert found.finish_schema
    assert [one.table.name for one in found.moving] == ["b", "a"]
    assert found.sequences == SOURCE.sequences


def test_equal_target_needs_nothing():
    assert clone_plan.situation(SOURCE, TARGET) == "complete"
    assert not clone_plan.make_plan(SOURCE, TARGET, "complete", EQUAL, CloneOptions()).changes


def test_missing_index_is_finished_missing_table_refused():
    objects = {key: text for key, text in OBJECTS.items() if key.kind != "index"}
    assert clone_plan.situation(SOURCE, replace(TARGET, objects=objects)) == "unfinished"
    with pytest.raises(SchemaDiffersError, match=r"table public\.b: not on the target"):
        clone_plan.situation(SOURCE, replace(TARGET, objects={ObjectKey("table", "public.a"): "p"}))


def test_keys_go_off_while_rows_come_in():
    found = clone_plan.make_plan(SOURCE, TARGET, "complete", EQUAL | {A.key: "empty"}, CloneOptions())
    assert found.drop_keys == (KEY,)
    assert found.finish_schema
    assert [(one.table.name, one.action) for one in found.moving] == [("a", "copy")]


def test_rows_of_others_pass_only_with_a_consent_by_name():
    states = EQUAL | {A.key: "differs"}
    for options in (CloneOptions(), CloneOptions(on_target_rows="replace"), CloneOptions(consent="db")):
        with pytest.raises(RefusedError, match=r"table public\.a"):
            clone_plan.make_plan(SOURCE, TARGET, "complete", states, options)
    granted = CloneOptions(on_target_rows="replace", consent="db")
    assert clone_plan.make_plan(SOURCE, TARGET, "complete", states, granted).moving[0].action == "replace"


def test_sequence_ahead_is_refused_behind_is_set():
    behind = replace(TARGET, sequences=(Sequence("public", "s", 6, True),))
    assert (
        clone_plan.make_plan(SOURCE, behind, "complete", EQUAL, CloneOptions()).sequences == SOURCE.sequences
    )
    ahead = replace(TARGET, sequences=(Sequence("public", "s", 8, True),))
    with pytest.raises(RefusedError, match=r"sequence public\.s"):
        clone_plan.make_plan(SOURCE, ahead, "complete", EQUAL, CloneOptions())
    assert not Sequence("p", "s", 8, False).is_ahead_of(Sequence("p", "s", 7, True))
    assert Sequence("p", "s", -9, True, -1).is_ahead_of(Sequence("p", "s", -8, True, -1))


def test_upgraded_target_is_kept_or_refused_never_replaced():
    target = replace(TARGET, revision=("two",))
    assert clone_plan.situation(SOURCE, target) == "upgraded"
    assert not clone_plan.make_plan(SOURCE, target, "upgraded", EQUAL, CloneOptions()).changes
    granted = CloneOptions(on_target_rows="replace", consent="db")
    for state in ("differs", "absent"):
        with pytest.raises(RefusedError, match="upgraded to revision two"):
            clone_plan.make_plan(SOURCE, target, "upgraded", EQUAL | {A.key: state}, granted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"started": "noon"}, "same database"),
        ({"major": 14}, "older than the source"),
        ({"is_standby": True}, "it is a standby"),
        ({"encoding": "LATIN1"}, "ENCODING 'UTF8'"),
    ],
)
def test_servers_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        guards.servers(SOURCE, replace(TARGET, server=replace(TARGET.server, **change)), {})


def test_roles_that_policies_name_must_exist():
    with pytest.raises(ConfigurationError, match=r"no role app, .*policy mine"):
        guards.servers(SOURCE, TARGET, {"app": "mine"})


def test_a_stand_in_for_a_view_counts_as_missing():
    view = ObjectKey("view definition", "public.v")
    found = difference({view: " SELECT t.id FROM t GROUP BY t.id;"}, {view: " SELECT NULL::integer AS id;"})
    assert (found.missing, found.different) == ((view,), ())


def test_names_are_read_as_in_sql():
    assert parse_names(["t", "s.t", '"S x"."a.""b"'], option="exclude_tables") == {
        ("public", "t"),
        ("s", "t"),
        ("S x", 'a."b'),
    }
    with pytest.raises(ConfigurationError, match="exclude_tables"):
        parse_names(["a.b.c"], option="exclude_tables")


def test_scope_covers_what_was_asked_for():
    assert Scope().covers("any", "thing")
    assert not Scope(("a",)).covers("b")
    assert not Scope(("a",)).covers("")
    assert not Scope((), frozenset({("a", "t")})).covers("a", "t")


def test_types_whose_binary_form_names_objects_travel_as_text():
    integer = Type("b", False, 0, True, False)
    types = {
        23: integer,
        1007: Type("b", True, 23, True, False),
        2205: Type("b", False, 0, True, True),
        17000: Type("e", False, 0, True, False),
        17001: Type("b", True, 17000, True, False),
        17002: Type("c", False, 0, True, False, (23, 1007)),
        17003: Type("c", False, 0, True, False, (23, 17000)),
        17004: Type("d", False, 23, True, False),
        17005: Type("b", False, 0, False, False),
    }
    assert {number for number in types if is_binary(number, types)} == {23, 1007, 17000, 17002, 17004}
