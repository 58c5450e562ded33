from __future__ import annotations

from engines.postgres.checksum import Fingerprint
from engines.postgres.diff import TableResult
from engines.rds.changes import _row


def test_a_table_with_other_columns_is_not_reported_as_lost():
    found = TableResult("public.compounds", Fingerprint(1200, "7"), None)
    assert _row(found, {"public.compounds"}) == ("public.compounds", "1,200", "other columns", "?", "?", "?")
    assert _row(found, set()) == ("public.compounds", "1,200", "no such table", "1,200", "0", "0")
