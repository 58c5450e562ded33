"""Cells under each other, and no blanks at the end."""

from engines.table import table


def test_columns_are_as_wide_as_their_widest_cell():
    assert table(("A", "B"), [("one", "x"), ("y", "")]) == ["A    B", "one  x", "y"]
