"""The plan of a stack as a module returns it."""

from __future__ import annotations

from engines.stack.plan import make
from engines.stack.results import as_result
from tests.engines.stack.test_plan import STANDS, WANTED


def test_what_costs_is_reported_without_what_is_secret():
    assert as_result(make(WANTED, STANDS))["sizes"] == [
        {"type": "AWS::RDS::DBInstance", "logical_id": "Database", "DBInstanceClass": "db.t4g.medium"}
    ]
