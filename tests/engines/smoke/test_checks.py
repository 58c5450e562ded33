from __future__ import annotations

import pytest

from engines.smoke.checks import MISSING, Mismatch, difference, mismatches, pick, same, shown

ANSWER = {"results": [{"symbol": "PTGS1", "score": 0.75}, {"symbol": "PTGS2", "score": 0.5}], "id": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("results.0.symbol", "PTGS1"),
        ("results.-1.symbol", "PTGS2"),
        ("results.0:1.symbol", ["PTGS1"]),
        ("results.*.score", [0.75, 0.5]),
        ("id", None),
        ("results.2.symbol", MISSING),
        ("results.first", MISSING),
        ("results.a:b", []),
        ("id.x", MISSING),
        ("nothing", MISSING),
        ("", ANSWER),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert pick(ANSWER, path) == value


def test_missing_is_not_null():
    assert mismatches({"id": None}, {"id": None}, {}) == ()
    assert mismatches({}, {"id": None}, {}) == (Mismatch("id", None, MISSING),)


def test_items_may_come_in_any_order():
    assert mismatches(ANSWER, {}, {"results.*.symbol": ["PTGS2", "PTGS1"]}) == ()
    (wrong,) = mismatches(ANSWER, {}, {"results.0:1.symbol": ["PTGS1", "PTGS2"]})
    assert wrong.got == ["PTGS1"]
    assert len(mismatches(ANSWER, {}, {"id": [None]})) == 1


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (0.1, 0.1, True),
        (0.1, 0.10000000000000002, False),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": True}, {"a": 1}, False),
        (None, MISSING, False),
    ],
)
def test_json_values_are_equal_exactly(left, right, equal):
    assert same(left, right) is equal


def test_the_first_difference_is_named_by_its_path():
    new = {"results": [{"symbol": "PTGS1", "score": 0.75}, {"symbol": "PTGS2", "score": 0.25}], "id": 7}
    assert difference(ANSWER, new) == Mismatch("results.1.score", 0.5, 0.25)
    assert difference(ANSWER, new, ["results.*.score"]) == Mismatch("id", None, 7)
    assert difference(ANSWER, new, ["results.*.score", "id"]) is None


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({"a": 1}, {}, "a"),
        ({}, {"a": None}, "a"),
        ([1], [1, 2], "1"),
        ([1, 2], [1], "1"),
        ({"a": [1]}, {"a": {"0": 1}}, "a"),
        (1, 2, "(the whole answer)"),
    ],
)
def test_what_only_one_side_has_is_a_difference(old, new, path):
    found = difference(old, new)
    assert found is not None
    assert found.path == path


def test_a_long_value_is_cut():
    assert len(shown("x" * 1000)) == 161
    assert shown(MISSING) == "(nothing)"
