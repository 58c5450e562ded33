"""The ledger's state, as literal values."""

from __future__ import annotations

import pytest

from engines.ledger.apply import new_run_id
from engines.ledger.errors import OrderError
from engines.ledger.model import FAILED, INTERRUPTED, PHASES, RUNNING, SUCCEEDED, State, outcome_of


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


def test_the_target_is_frozen_from_the_moment_its_release_starts():
    state = State().started("deploy", "r1", "t1")
    assert not state.frozen
    assert state.after("asked", "t2").frozen
    live = state.after("asked", "t2").ended("deploy", SUCCEEDED, "t3", {})
    assert (live.live_since, live.asked_since) == ("t3", "")
    again = live.started("deploy", "r2", "t4").ended("deploy", FAILED, "t5", {})
    assert again.live_since == "t3"
    assert again.frozen


def test_only_what_the_run_had_begun_is_interrupted() -> None:
    state = State().started("provision", "r1", "t1").ended("provision", SUCCEEDED, "t2", {})
    state = state.started("database", "r1", "t3").started("storage", "r2", "t4").interrupted("r1", "t5")
    outcomes = {name: record["outcome"] for name, record in state.phases.items()}
    assert outcomes == {"provision": SUCCEEDED, "database": INTERRUPTED, "storage": RUNNING}
    assert state.phases["database"]["ended"] == "t5"


def test_no_service_goes_live_before_its_data() -> None:
    state = State()
    for phase in PHASES[:-1]:
        with pytest.raises(OrderError, match="needs the phase"):
            state.check_order("deploy")
        state.check_order(phase)
        state = state.started(phase, "r1", "t1").ended(phase, SUCCEEDED, "t2", {})
    state.check_order("deploy")
    failed = state.started("database", "r2", "t3").ended("database", FAILED, "t4", {})
    with pytest.raises(OrderError, match=r"phase deploy: needs the phase database.*playbooks/database\.yml"):
        failed.check_order("deploy")


def test_a_later_release_does_not_wait_for_a_comparison_with_the_source() -> None:
    live = State({"database": {"outcome": FAILED}}, live_since="t1")
    live.check_order("deploy")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([SUCCEEDED, SUCCEEDED], SUCCEEDED),
        ([SUCCEEDED, FAILED], FAILED),
        ([FAILED, RUNNING], INTERRUPTED),
        ([INTERRUPTED], INTERRUPTED),
    ],
)
def test_a_run_ends_as_its_phases_did(outcomes: list[str], expected: str) -> None:
    assert outcome_of({str(number): {"outcome": each} for number, each in enumerate(outcomes)}) == expected


def test_run_ids_sort_by_time_and_differ() -> None:
    assert new_run_id(1_700_000_000) < new_run_id(1_700_000_001)
    assert new_run_id(1_700_000_000) != new_run_id(1_700_000_000)


def test_a_teardown_leaves_a_sandbox_that_was_never_provisioned():
    live = State({"provision": {"outcome": SUCCEEDED, "outputs": {"a": 1}}}, live_since="t1", token=7)
    gone = live.started("teardown", "run", "t2").ended("teardown", SUCCEEDED, "t3", {"outputs": {}})

    assert (list(gone.phases), gone.outputs, gone.frozen, gone.token) == (["teardown"], {}, False, 7)
    gone.check_order("provision")
    with pytest.raises(OrderError, match="needs the phase provision"):
        gone.check_order("database")


@pytest.mark.parametrize("outcome", [RUNNING, FAILED, INTERRUPTED])
def test_a_teardown_that_has_begun_is_ended_before_anything_else(outcome):
    half = State({"teardown": {"outcome": outcome}}, live_since="t1")

    half.check_order("teardown")
    with pytest.raises(OrderError, match=rf"teardown that has not ended \({outcome}\)"):
        half.check_order("deploy")


def test_a_run_that_had_nothing_to_do_leaves_the_proof_of_the_one_that_copied() -> None:
    def ended(state: State, run_id: str, outcome: str, *, copied: bool) -> State:
        result = {"evidence": {"copy": {"changed": copied}}}
        return state.started("database", run_id, "2026-01-01T00:00:00Z").ended(
            "database", outcome, "2026-01-01T00:00:00Z", result
        )

    first = ended(State(), "run-1", "succeeded", copied=True)
    assert first.proofs == {"database": "run-1"}
    assert ended(first, "run-2", "succeeded", copied=False).proofs == {"database": "run-1"}
    assert ended(first, "run-3", "failed", copied=True).proofs == {"database": "run-1"}
    assert ended(first, "run-4", "succeeded", copied=True).proofs == {"database": "run-4"}
    gone = first.started("teardown", "run-5", "2026-01-01T00:00:00Z").ended(
        "teardown", "succeeded", "2026-01-01T00:00:00Z", {}
    )
    assert gone.proofs == {}
    assert State.from_body(first.to_dict()) == first


def test_what_has_other_outputs_has_another_proof() -> None:
    def built(state: State, run_id: str, image: str) -> State:
        outputs = {"image": image, "domain": f"as {run_id} words it"}
        now, result = "2026-01-01T00:00:00Z", {"outputs": outputs, "evidence": {}}
        return state.started("container", run_id, now).ended("container", "succeeded", now, result)

    first = built(State(), "run-1", "a")
    assert built(first, "run-2", "a").proofs == {"container": "run-1"}
    assert built(first, "run-2", "b").proofs == {"container": "run-2"}
