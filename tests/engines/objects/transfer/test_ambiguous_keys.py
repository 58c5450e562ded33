"""Names that a store which reads names as paths takes for others."""

from __future__ import annotations

import pytest

from engines.objects.transfer.ambiguous_keys import as_path, is_ambiguous


@pytest.mark.parametrize(
    ("ambiguous", "other"),
    [
        ("a//b", "a/b"),
        ("a///b", "a/b"),
        ("/lead", "lead"),
        ("//lead", "lead"),
        ("end//", "end/"),
        ("/", ""),
        ("./a", "a"),
        ("../b", "b"),
        ("x/../y", "y"),
        ("x/./y", "x/y"),
        ("x/.", "x"),
        ("x/..", ""),
        (".", ""),
        ("..", ""),
        ("back\\slash", "back/slash"),
    ],
)
def test_an_odd_name_is_known_with_the_one_it_may_be_taken_for(ambiguous, other):
    assert is_ambiguous(ambiguous)
    assert as_path(ambiguous) == other


@pytest.mark.parametrize(
    "key", ["a", "a/b", "end/", "...", ".hidden", "x/.y", "x/..y", "a.", "a../b", "a b", " /x"]
)
def test_other_names_are_not_odd(key):
    assert not is_ambiguous(key)
    assert as_path(key) == key
