"""The module as Ansible runs it: check, real, repeat, end; and what it says when it refuses."""

from __future__ import annotations

import uuid

import pytest

from engines.aws import client
from engines.ledger import apply
from engines.ledger.apply import Opening
from engines.ledger.store import Store
from engines.runs.owner import Owner
from tests.library import modules


@pytest.fixture
def bucket(aws) -> str:
    return f"state-{uuid.uuid4().hex[:8]}"


def _run(**options):
    check = options.pop("check", False)
    return modules.call("ledger", options, check=check)[0]


def test_check_says_what_the_run_does(bucket) -> None:
    options = {"bucket": bucket, "state": "opened", "phase": "provision", "tags": {"Project": "bmii"}}
    check = _run(**options, check=True)
    assert not Store(bucket).exists()
    real, repeat = _run(**options), _run(**options)
    assert (check["changed"], real["changed"], repeat["changed"]) == (True, True, False)
    assert real["phases"]["provision"]["run_id"] == real["run_id"] != repeat["run_id"]
    tags = {one["Key"]: one["Value"] for one in client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {"Project": "bmii", "RunId": real["run_id"]}


def test_read_reports_the_lock_and_the_runs_and_changes_nothing(bucket) -> None:
    before = _run(bucket=bucket, runs=5)
    assert (before["changed"], before["lock"], before["runs"]) == (False, {"held": False}, [])
    opened = _run(bucket=bucket, state="opened", phase="provision")
    after = _run(bucket=bucket, runs=5)
    assert (after["changed"], [run["run_id"] for run in after["runs"]]) == (False, [opened["run_id"]])


def test_what_another_process_has_opened_is_not_closed(bucket) -> None:
    opened = _run(bucket=bucket, state="opened", phase="provision")
    closed = _run(
        bucket=bucket, state="closed", phase="provision", outcome="succeeded", run_id=opened["run_id"]
    )
    assert closed["failed"]
    assert "has lost the lock" in closed["msg"]


def test_a_refusal_names_the_owner_the_age_and_the_remedy(bucket) -> None:
    store = Store(bucket)
    store.create("us-east-1")
    elsewhere = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]")
    apply.open_phase(store, Opening("provision", "run-1", elsewhere))
    refused = _run(bucket=bucket, state="opened", phase="provision")
    assert refused["failed"]
    assert "run run-1 of ada@another-host (process 4711) has held the lock for" in refused["msg"]
    assert "-e ledger_break_lock=run-1" in refused["remedy"]
    assert refused["details"]["owner"] == "ada@another-host"


def test_the_freeze_is_reported_and_lifted_by_name(bucket) -> None:
    store = Store(bucket)
    store.create("us-east-1")
    state = {"phases": {}, "live_since": "2026-11-22T00:00:00Z", "token": 0}
    store.write("state.json", state, replacing=store.read("state.json"))
    options = {"bucket": bucket, "state": "opened", "phase": "database", "environment": "production"}
    assert _run(**options)["frozen"]
    thawed = _run(**options, unfreeze="production")
    assert (thawed["frozen"], thawed["unfrozen"]) == (False, True)
    assert "names staging" in _run(**options, unfreeze="staging")["msg"]
