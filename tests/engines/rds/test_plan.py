"""From what is asked for and what there is to what is done, with literal values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from engines.errors import ConfigurationError
from engines.rds.model import Found, Instance, RollbackRequest, read
from engines.rds.plan import plan

MOMENT = datetime(2026, 11, 26, 3, 55, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 4, 10, tzinfo=UTC)
PIT, BEFORE = "db-pit-261126-035500", "db-before-261126-041000"
TO_MOMENT = RollbackRequest("db", moment=MOMENT)
AFTER = {"BackupRetentionPeriod": 7, "EnablePerformanceInsights": True}


def _instance(name, tags=None, after=AFTER):
    return Instance(
        name=name,
        status="available",
        arn=f"arn:aws:rds:us-east-1:1:db:{name}",
        resource=f"id-of-{name}",
        host="h",
        port=5432,
        latest=NOW - timedelta(minutes=5),
        tags=tags or {},
        settings={
            "DBInstanceClass": "db.t4g.medium",
            "DeletionProtection": True,
            "PubliclyAccessible": False,
        },
        after=after,
    )


MAIN = _instance("db", {"Project": "bmii"})
WHOLE = Found(MAIN, earliest=MOMENT - timedelta(days=7))


def _steps(found, order=TO_MOMENT):
    made = plan(order, found, NOW)
    return [(one.step, one.subject) for one in made.preparation], [
        (one.step, one.subject, one.request.get("NewDBInstanceIdentifier")) for one in made.switch
    ]


def test_a_restored_instance_is_set_up_like_the_one_in_use():
    made = plan(TO_MOMENT, WHOLE, NOW)
    [restore] = made.preparation

    assert restore.request == {
        "SourceDBInstanceIdentifier": "db",
        "TargetDBInstanceIdentifier": PIT,
        "RestoreTime": MOMENT,
        "Tags": [
            {"Key": "Project", "Value": "bmii"},
            {"Key": "RestoredTo", "Value": "2026-11-26T03:55:00Z"},
        ],
        **MAIN.settings,
    }
    assert (made.chosen, made.keeps, made.done) == (PIT, BEFORE, False)


def test_the_one_in_use_gives_its_name_to_the_restored_one():
    assert _steps(WHOLE) == (
        [("restore", PIT)],
        [("rename", "db", BEFORE), ("rename", PIT, "db")],
    )


def test_what_a_restore_cannot_set_is_set_afterwards():
    bare = _instance(PIT, after={"BackupRetentionPeriod": 7, "EnablePerformanceInsights": False})
    [settings] = plan(TO_MOMENT, replace(WHOLE, rollback_instances=(bare,)), NOW).preparation

    assert settings.request == {
        "DBInstanceIdentifier": PIT,
        "ApplyImmediately": True,
        "EnablePerformanceInsights": True,
    }
    assert _steps(replace(WHOLE, rollback_instances=(_instance(PIT),)))[0] == []


def test_what_was_cut_off_between_the_two_renamings_is_finished():
    between = Found(None, (_instance(BEFORE), _instance(PIT)))

    assert _steps(between) == ([], [("rename", PIT, "db")])
    kept = RollbackRequest("db", kept=BEFORE)
    assert _steps(between, kept)[1] == [("tag", BEFORE, None), ("rename", BEFORE, "db")]


def test_nothing_is_left_to_do_when_the_one_in_use_is_what_is_asked_for():
    back = replace(MAIN, tags={"RestoredTo": "2026-11-26T03:55:00Z"})
    forward = replace(MAIN, tags={"SwitchedFrom": BEFORE})

    assert plan(TO_MOMENT, replace(WHOLE, main=back), NOW).done
    assert plan(RollbackRequest("db", kept=BEFORE), replace(WHOLE, main=forward), NOW).done
    assert not plan(TO_MOMENT, replace(WHOLE, main=forward), NOW).done


def test_the_way_forward_is_the_same_switch_to_the_kept_one_and_changes_nothing_of_it():
    old = _instance(BEFORE, {"SwitchedFrom": "db-before-261125-000000"}, after={"BackupRetentionPeriod": 1})
    found = replace(WHOLE, rollback_instances=(old,))

    # Its name says when it was kept: now, so that the next one takes the second that follows.
    assert _steps(found, RollbackRequest("db", kept=BEFORE)) == (
        [],
        [("tag", BEFORE, None), ("rename", "db", "db-before-261126-041001"), ("rename", BEFORE, "db")],
    )


def test_latest_is_the_latest_second_and_goes_on_with_what_was_begun():
    latest = RollbackRequest("db", latest=True)
    [restore] = plan(latest, WHOLE, NOW).preparation
    assert restore.request["RestoreTime"] == MAIN.latest
    assert {"Key": "RestoredAsLatest", "Value": "yes"} in restore.request["Tags"]

    begun = _instance(PIT, {"RestoredAsLatest": "yes", "RestoredTo": "2026-11-26T03:55:00Z"})
    used = _instance(BEFORE, {"RestoredAsLatest": "yes"})
    assert plan(latest, replace(WHOLE, rollback_instances=(used, begun)), NOW).chosen == PIT
    # Once it is in use, the latest moment is another one.
    assert not plan(latest, replace(WHOLE, main=replace(MAIN, tags=begun.tags)), NOW).done


@pytest.mark.parametrize(
    ("found", "order", "says"),
    [
        (
            WHOLE,
            RollbackRequest("db", moment=NOW),
            "any second from 2026-11-19T03:55:00Z to 2026-11-26T04:05:00Z",
        ),
        (
            WHOLE,
            RollbackRequest("db", moment=MOMENT - timedelta(days=8)),
            "any second from 2026-11-19T03:55:00Z",
        ),
        (replace(WHOLE, earliest=None), TO_MOMENT, "has no backup to restore from"),
        (WHOLE, RollbackRequest("db", kept=BEFORE), "does not exist. No rollback has left an instance"),
        (
            replace(WHOLE, rollback_instances=(_instance(PIT),)),
            RollbackRequest("db", kept=BEFORE),
            f"Instances of earlier rollbacks: {PIT}",
        ),
        (Found(None, (_instance(BEFORE),)), TO_MOMENT, "nothing was restored to take its place"),
    ],
)
def test_what_cannot_be_is_reported_with_what_can(found, order, says):
    with pytest.raises(ConfigurationError) as refused:
        plan(order, found, NOW)
    assert says in str(refused.value)


def test_a_moment_is_read_with_its_time_zone_and_to_the_second():
    assert read("2026-11-26T03:55:00.9Z", "db") == TO_MOMENT
    there = datetime(2026, 11, 26, 4, 55, tzinfo=timezone(timedelta(hours=1)))
    assert read(there.isoformat(), "db") == TO_MOMENT
    assert read("latest", "db") == RollbackRequest("db", latest=True)
    assert read(BEFORE, "db") == RollbackRequest("db", kept=BEFORE)


@pytest.mark.parametrize("to", ["", "2026-11-26T03:55:00", "yesterday", "another-before-261126-041000", "db"])
def test_anything_else_is_refused(to):
    with pytest.raises(ConfigurationError, match="2026-11-26T03:55:00Z"):
        read(to, "db")


def test_a_name_that_leaves_no_room_is_refused():
    assert read("latest", "n" * 41)
    with pytest.raises(ConfigurationError, match="63 letters"):
        read("latest", "n" * 43)
