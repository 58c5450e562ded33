"""A run from its first phase to its end, and two runs that meet, on a real S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest

from engines.errors import ConfigurationError, RefusedError
from engines.ledger import apply, guards, lock, results
from engines.ledger.apply import Opening
from engines.ledger.errors import FencedError, LockedError, OrderError
from engines.ledger.store import Store
from engines.runs.owner import Owner

US = Owner.of_this_run()
ELSEWHERE = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]", "ansible-playbook migrate.yml")
RESULT = {"outputs": {"image": "one"}, "evidence": {"bytes": 1}}


def journal(store: Store, run_id: str) -> dict:
    return store.read(f"runs/{run_id}.json").body


def open_(store: Store, run_id: str, owner: Owner = US, phase: str = "provision", **options) -> apply.State:
    return apply.open_phase(store, Opening(phase, run_id, owner, **options))


def close(store: Store, run_id: str, owner: Owner = US, phase: str = "provision", outcome="succeeded"):
    return apply.close_phase(store, phase, run_id, owner=owner, outcome=outcome, result=RESULT)


def test_a_run_is_recorded_with_who_what_and_how_it_ended(store: Store) -> None:
    open_(store, "run-1", inputs={"region": "a"})
    close(store, "run-1")
    assert journal(store, "run-1")["outcome"] == "running"
    assert apply.end_run(store, "run-1", owner=US)
    kept = journal(store, "run-1")
    assert (kept["outcome"], kept["owner"]["pid"]) == ("succeeded", US.pid)
    assert len(kept["inputs"]) == 64
    assert kept["started"] <= kept["phases"]["provision"]["ended"] <= kept["ended"]
    assert kept["phases"]["provision"]["evidence"] == {"bytes": 1}
    assert apply.read(store).outputs == {"image": "one"}


def test_the_lock_is_held_between_the_phases_of_a_run(store: Store) -> None:
    open_(store, "run-1")
    close(store, "run-1")
    with pytest.raises(LockedError):
        open_(store, "run-2", ELSEWHERE)
    open_(store, "run-1", phase="database")
    close(store, "run-1", phase="database")
    assert list(journal(store, "run-1")["phases"]) == ["database", "provision"]


def test_a_failure_is_recorded_and_gives_the_lock_back(store: Store) -> None:
    open_(store, "run-1")
    close(store, "run-1", outcome="failed")
    assert journal(store, "run-1")["outcome"] == "failed"
    open_(store, "run-2", ELSEWHERE)


def test_a_run_that_may_not_begin_leaves_the_lock_free(store: Store) -> None:
    with pytest.raises(OrderError, match="needs the phase"):
        open_(store, "run-1", phase="deploy")
    open_(store, "run-2", ELSEWHERE)


def test_a_run_ends_that_recorded_something_of_a_phase_it_never_began(store: Store) -> None:
    open_(store, "run-1")
    apply.record(store, "run-1", "deploy", owner=US, evidence={"released": "one"})
    close(store, "run-1")
    assert apply.end_run(store, "run-1", owner=US)
    assert journal(store, "run-1")["outcome"] == "succeeded"


def test_what_a_killed_run_had_begun_is_recorded_as_interrupted(store: Store, process) -> None:
    run = process()
    open_(store, "run-1", run.owner)
    run.kill()
    state = open_(store, "run-2", phase="preflight")
    assert state.phases["provision"]["outcome"] == "interrupted"
    assert journal(store, "run-1")["outcome"] == "interrupted"


def test_a_suspended_run_whose_lock_was_broken_writes_nothing_more(store: Store) -> None:
    open_(store, "run-1", ELSEWHERE, lease=-1)
    open_(store, "run-2", break_lock="run-1")
    before = {key: store.read(key) for key in ("state.json", "lock.json", "runs/run-1.json")}
    steps: list[Callable[[], object]] = [
        lambda: close(store, "run-1", ELSEWHERE),
        lambda: open_(store, "run-1", ELSEWHERE, phase="database"),
    ]
    for step in steps:
        with pytest.raises(FencedError, match=r"run run-1 has lost the lock to run run-2"):
            step()
    assert not apply.end_run(store, "run-1", owner=ELSEWHERE)
    assert {key: store.read(key).etag for key in before} == {key: each.etag for key, each in before.items()}


def test_it_writes_nothing_either_after_the_other_run_has_ended(store: Store) -> None:
    open_(store, "run-1", ELSEWHERE, lease=-1)
    open_(store, "run-2", break_lock="run-1")
    close(store, "run-2")
    apply.end_run(store, "run-2", owner=US)
    with pytest.raises(FencedError):
        open_(store, "run-1", ELSEWHERE, phase="database")


def test_a_lock_that_somebody_has_deleted_does_not_begin_its_tokens_anew(store: Store) -> None:
    for number in range(3):
        open_(store, f"run-{number}")
        close(store, f"run-{number}")
        apply.end_run(store, f"run-{number}", owner=US)
    boto3.client("s3").delete_object(Bucket=store.bucket, Key="lock.json")
    open_(store, "run-3")
    assert store.read("lock.json").body["token"] == 4
    close(store, "run-3")


def test_a_write_that_was_under_way_when_the_lock_was_broken_is_refused(store: Store, monkeypatch) -> None:
    """Suspended at the worst moment: after it saw that the lock is its own, before it writes."""
    open_(store, "run-1", ELSEWHERE, lease=-1)
    verify = lock.verify

    def suspended(*arguments):
        mine = verify(*arguments)
        open_(store, "run-2", break_lock="run-1")
        return mine

    monkeypatch.setattr(lock, "verify", suspended)
    with pytest.raises(FencedError, match="run-2"):
        close(store, "run-1", ELSEWHERE)
    assert apply.read(store).phases["provision"]["run_id"] == "run-2"


def test_the_freeze_is_lifted_only_by_the_name_of_the_environment() -> None:
    opening = Opening("database", "run-1", US, environment="production")
    assert not opening.thaws
    assert replace(opening, unfreeze="production").thaws
    with pytest.raises(RefusedError, match="names staging, but this is production"):
        _ = replace(opening, unfreeze="staging").thaws


def test_that_the_freeze_was_lifted_is_recorded(store: Store) -> None:
    open_(store, "run-1", environment="production", unfreeze="production")
    assert journal(store, "run-1")["unfrozen"] is True


def test_the_state_bucket_is_versioned_encrypted_and_closed(aws) -> None:
    store = Store("state-guarded")
    assert guards.make_bucket(store, "us-east-1", check_mode=True)
    assert not store.exists()
    assert guards.make_bucket(store, "us-east-1", check_mode=False)
    s3 = boto3.client("s3")
    assert s3.get_bucket_versioning(Bucket=store.bucket)["Status"] == "Enabled"
    closed = s3.get_public_access_block(Bucket=store.bucket)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=store.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_a_bucket_that_was_half_made_is_finished(aws) -> None:
    store = Store("state-half-made")
    store.create("us-east-1")
    assert not guards.make_bucket(store, "us-east-1", check_mode=False)
    versioning = boto3.client("s3").get_bucket_versioning(Bucket=store.bucket)
    assert versioning["Status"] == "Enabled"


def test_another_account_is_refused(aws) -> None:
    guards.check_account(aws.account_id, first=True)
    guards.check_account("", first=True)
    with pytest.raises(ConfigurationError, match=f"those of account {aws.account_id}, the inventory names 1"):
        guards.check_account("111111111111", first=True)


def test_the_status_reports_phases_lock_and_runs(store: Store) -> None:
    open_(store, "run-1", inputs={"a": 1})
    close(store, "run-1")
    apply.end_run(store, "run-1", owner=US)
    open_(store, "run-2", ELSEWHERE)
    found = results.report(store, 10)
    assert json.dumps(found)
    assert [run["run_id"] for run in found["runs"]] == ["run-2", "run-1"]
    text = "\n".join(found["summary"])
    assert "lock: held by run run-2 of ada@another-host (process 4711) for" in text
    assert "planned" in text
    assert "ansible-playbook migrate.yml" in text
    assert len(results.report(store, 1)["runs"]) == 1


def test_a_stale_lock_and_a_dead_run_are_called_so(store: Store, process) -> None:
    open_(store, "run-1", ELSEWHERE, lease=-1)
    assert "STALE: lease ended" in results.report(store, 1)["summary"][1]
    run = process()
    open_(store, "run-2", run.owner, break_lock="run-1")
    run.kill()
    found = results.report(store, 1)
    assert "its process has ended: the next run takes over" in found["summary"][1]
    assert "cut off" in "\n".join(found["summary"])


def test_there_is_a_status_before_there_is_a_ledger(aws) -> None:
    found = results.report(Store("state-that-is-not-there"), 10)
    assert found["lock"] == {"held": False}
    assert found["summary"][0] == "live since: not live yet"
