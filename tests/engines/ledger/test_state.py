"""The ledger's state, as literal values."""

from __future__ import annotations

from engines.ledger.ledger import FAILED, SUCCEEDED, State, new_run_id


def test_a_finished_phase_hands_on_its_outputs() -> None:
    state = (
        State().started("provision", "r1", "t1").ended("provision", SUCCEEDED, "t2", {"outputs": {"a": 1}})
    )
    assert state.outputs == {"a": 1}
    assert state.phases["provision"]["outcome"] == "succeeded"


def test_a_failed_phase_keeps_what_it_handed_on_before() -> None:
    state = State().ended("container", SUCCEEDED, "t1", {"outputs": {"image": "one"}})
    state = state.started("container", "r2", "t2").ended(
        "container", FAILED, "t3", {"outputs": {"image": "half"}}
    )
    assert state.outputs == {"image": "one"}
    assert state.phases["container"]["outcome"] == "failed"


def test_the_target_is_frozen_from_the_first_deployment_on() -> None:
    state = State()
    assert not state.frozen
    assert state.started("deploy", "r1", "t1").frozen, "a deployment that was cut off may have served users"
    live = state.started("deploy", "r1", "t1").ended("deploy", SUCCEEDED, "t2", {})
    assert live.live_since == "t2"
    again = live.started("deploy", "r2", "t3").ended("deploy", FAILED, "t4", {})
    assert again.live_since == "t2"
    assert again.frozen


def test_a_first_deployment_that_failed_does_not_freeze() -> None:
    state = State().started("deploy", "r1", "t1").ended("deploy", FAILED, "t2", {})
    assert not state.frozen


def test_run_ids_sort_by_time_and_differ() -> None:
    assert new_run_id(1_700_000_000) < new_run_id(1_700_000_001)
    assert new_run_id(1_700_000_000) != new_run_id(1_700_000_000)
