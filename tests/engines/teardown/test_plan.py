"""What is done to which sandbox, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engines.errors import RefusedError
from engines.stack.model import Stack
from engines.teardown.model import Found, Platform, Thing
from engines.teardown.plan import kept, plan

TAGS = {"Project": "bmii", "Environment": "production"}
PLATFORM = Platform(
    name="bmii",
    stack_name="bmii",
    database="bmii-postgres",
    parameter_path="/bmii/production",
    buckets=("bmii-raw", "bmii-features"),
    tags=TAGS,
    state_bucket="bmii-state",
)
STACK = Stack("id", "bmii", "CREATE_COMPLETE", protected=True, tags={**TAGS, "RunId": "one"})
WHOLE = Found(
    stack=STACK,
    services=("bmii",),
    tasks=("arn:one",),
    definitions=("bmii:1", "bmii:2"),
    workers=("bmii-worker-mailer:1",),
    images=3,
    database=True,
    database_protected=True,
    log_groups=("/ecs/bmii",),
    parameters=("/bmii/production/API_KEY",),
    buckets={"bmii-raw": {**TAGS, "RunId": "one"}, "bmii-features": TAGS},
)
DELETING = replace(PLATFORM, delete_data=True)


def _steps(platform, found):
    return [(action.step, action.subject) for action in plan(platform, found)]


def test_nothing_is_done_to_nothing():
    assert plan(PLATFORM, Found()) == []


def test_what_is_used_goes_after_what_uses_it_and_data_stay():
    assert _steps(PLATFORM, WHOLE) == [
        ("service", "bmii"),
        ("tasks", "bmii"),
        ("definitions", "bmii"),
        ("definitions", "bmii-worker-"),
        ("images", "bmii"),
        ("database protection", "bmii-postgres"),
        ("stack protection", "bmii"),
        ("stack", "bmii"),
        ("parameters", "/bmii/production"),
    ]
    assert kept(PLATFORM, WHOLE) == [
        Thing("bucket", "bmii-raw", "data"),
        Thing("bucket", "bmii-features", "data"),
        Thing("snapshot", "the final one of bmii-postgres", "data"),
        Thing("bucket", "bmii-state", "the ledger, with the evidence"),
    ]


def test_data_go_last_and_the_ledger_stays_even_then():
    assert _steps(DELETING, WHOLE)[-4:] == [
        ("parameters", "/bmii/production"),
        ("bucket", "bmii-raw"),
        ("bucket", "bmii-features"),
        ("snapshots", "bmii-postgres"),
    ]
    assert kept(DELETING, WHOLE) == [Thing("bucket", "bmii-state", "the ledger, with the evidence")]


def test_the_stack_is_said_to_leave_a_snapshot():
    [action] = [one for one in plan(PLATFORM, WHOLE) if one.step == "stack"]

    assert "final snapshot of bmii-postgres" in action.text


def test_only_what_a_killed_run_has_left_is_done():
    rest = Found(parameters=("/bmii/production/API_KEY",), log_groups=("/ecs/bmii",), snapshots=("final",))

    assert _steps(PLATFORM, rest) == [("log group", "/ecs/bmii"), ("parameters", "/bmii/production")]
    assert _steps(DELETING, rest)[-1] == ("snapshots", "bmii-postgres")


def test_a_stack_of_another_environment_is_refused():
    staging = replace(STACK, tags={"Project": "bmii", "Environment": "staging"})

    with pytest.raises(RefusedError, match="its tag Environment is staging, where production was expected"):
        plan(PLATFORM, replace(WHOLE, stack=staging))


def test_a_stack_without_tags_is_refused_unless_it_holds_imported_buckets_alone():
    untagged = replace(STACK, tags={})

    with pytest.raises(RefusedError, match="is not there"):
        plan(PLATFORM, replace(WHOLE, stack=untagged))
    for status in ("IMPORT_COMPLETE", "REVIEW_IN_PROGRESS"):
        assert plan(PLATFORM, Found(stack=replace(untagged, status=status)))


def test_a_bucket_of_somebody_else_is_neither_deleted_nor_called_ours():
    found = replace(WHOLE, buckets={"bmii-raw": {"Project": "payroll"}})

    with pytest.raises(RefusedError, match="bucket bmii-raw"):
        plan(DELETING, found)
    assert "bmii-raw" not in [thing.name for thing in kept(PLATFORM, found)]


def test_databases_that_a_way_back_has_left_go_before_the_network_that_they_use():
    name = "bmii-postgres-before-261126-041000"
    found = replace(WHOLE, rollback_instances={name: TAGS})

    steps = _steps(PLATFORM, found)
    assert steps.index(("rollback instance", name)) < steps.index(("stack", "bmii"))
    assert Thing("snapshot", f"the final one of {name}", "data") in kept(PLATFORM, found)
    assert [one.text for one in plan(DELETING, found)][-1] == "delete 2 snapshots"


def test_a_database_of_such_a_name_that_is_somebody_else_s_is_refused():
    found = replace(WHOLE, rollback_instances={"bmii-postgres-before-261126-041000": {"Project": "another"}})
    with pytest.raises(RefusedError, match="bmii-postgres-before-261126-041000: is not this platform's"):
        plan(PLATFORM, found)
