"""The names of the instances that a rollback of the database makes."""

from __future__ import annotations

from datetime import UTC, datetime

from engines.instance_names import is_made_by_rollback, kept_name, restored_name

MOMENT = datetime(2026, 11, 26, 3, 55, tzinfo=UTC)


def test_what_a_rollback_makes_is_reported_by_its_name() -> None:
    assert restored_name("db", MOMENT) == "db-pit-261126-035500"
    assert kept_name("db", MOMENT) == "db-before-261126-035500"
    assert is_made_by_rollback(restored_name("db", MOMENT), "db")
    assert is_made_by_rollback(kept_name("db", MOMENT), "db")


def test_another_instance_is_not_taken_for_one() -> None:
    others = ("db", "db-2", "db-2-pit-261126-035500", "db-pit-1")
    assert not any(is_made_by_rollback(name, "db") for name in others)
