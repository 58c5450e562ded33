from engines.table import table


def test_columns_are_below_each_other_and_lines_do_not_end_in_spaces():
    assert table(("A", "LONGER"), [("one", "x"), ("o", "")]) == ["A    LONGER", "one  x", "o"]


def test_a_table_may_be_empty():
    assert table(("A", "B"), []) == ["A  B"]
