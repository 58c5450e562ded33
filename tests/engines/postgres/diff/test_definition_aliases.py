"""Texts of one definition by two major versions are recognised; others are named, not guessed at."""

from __future__ import annotations

import pytest

from engines.postgres.catalog.schema_objects import ObjectKey
from engines.postgres.diff.definition_aliases import alike, undecided

OLD = """ SELECT t.id,\n    t."Par ent",\n    count(*) AS n\n   FROM public.tree t\n  WHERE (t.id > 1.5);"""
NEW = """ SELECT id,\n    "Par ent",\n    count(*) AS n\n   FROM public.tree t\n  WHERE (id > 1.5);"""


def test_a_column_may_be_written_with_or_without_its_table():
    assert alike(OLD, NEW)
    assert alike(NEW, OLD)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a.b'", "SELECT 'b'"),
        ("SELECT 'it''s  a.b'", "SELECT 'it''s a.b'"),
        ("SELECT 1.5", "SELECT 5"),
        ('SELECT "a.b" FROM t', "SELECT b FROM t"),
        ("SELECT a.id FROM a", "SELECT a.it FROM a"),
        ("SELECT id FROM one.a", "SELECT id FROM two.a"),
        ("SELECT a.id FROM a, b", "SELECT b.id FROM a, b"),
        ("SELECT id FROM a", "SELECT id FROM a WHERE true"),
    ],
)
def test_what_means_something_is_kept(one, other):
    assert not alike(one, other)


def test_only_what_is_set_aside_between_versions_and_is_written_otherwise_is_undecided():
    same, other, index = (
        ObjectKey("view definition", "v"),
        ObjectKey("view definition", "w"),
        ObjectKey("index", "i"),
    )
    source = {same: OLD, other: "SELECT 1", index: "CREATE INDEX i"}
    target = {same: NEW, other: "SELECT (1)", index: "CREATE INDEX j"}
    assert list(undecided(source, target)) == [other]
