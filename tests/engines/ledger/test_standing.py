"""What counts as live, at every instant at which a run can be cut off."""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest

from engines import ledger
from engines.errors import RefusedError
from engines.ledger import Opening, OrderError, State, Store, standing
from engines.ledger.model import FAILED, SUCCEEDED
from engines.ledger.standing import SEEN, TRANSITIONS, Event, Standing
from engines.runs import Owner

US = Owner.of_this_run()


class KillPoint(NamedTuple):
    """The last thing that a first deployment did, what the service shows then, and what that means."""

    done: str
    seen: Event
    standing: Standing


# In the order of the deploy phase: each is cut off right after what it names.
KILL_POINTS = (
    KillPoint("opened", "absent", "not live"),
    KillPoint("trial stood", "absent", "not live"),
    KillPoint("fence raised", "absent", "not live"),
    KillPoint("compared", "absent", "not live"),
    KillPoint("fence made lasting", "absent", "not live"),
    KillPoint("asked", "absent", "not live"),
    KillPoint("service told", "starting", "going live"),
    KillPoint("first task serves", "serving", "live"),
    KillPoint("rollout failed", "absent", "not live"),
    KillPoint("rollout completed", "serving", "live"),
    KillPoint("serving", "serving", "live"),
    KillPoint("smoke test refused", "serving", "live"),
    KillPoint("succeeded", "serving", "live"),
)
# What each step has told the ledger; the others tell it nothing.
TOLD: dict[str, Event] = {"asked": "asked", "serving": "serving", "succeeded": "succeeded"}


def deployed_until(last: str) -> State:
    """Return the state after a first deployment that got as far as ``last``."""
    state = State().started("deploy", "r1", "t1")
    for point in KILL_POINTS:
        if point.done in TOLD and point.done != "succeeded":
            state = state.after(TOLD[point.done], "t2")
        if point.done == "succeeded":
            state = state.ended("deploy", SUCCEEDED, "t3", {})
        if point.done == last:
            break
    return state


def test_the_table_is_whole() -> None:
    assert set(TRANSITIONS) == set(get_args(Standing))
    for moves in TRANSITIONS.values():
        assert set(moves) == set(get_args(Event))
        assert set(moves.values()) <= set(get_args(Standing))


@pytest.mark.parametrize("point", KILL_POINTS, ids=lambda point: point.done)
def test_a_deployment_that_is_cut_off_anywhere_is_what_users_saw_of_it(point: KillPoint) -> None:
    cut_off = deployed_until(point.done).interrupted("r1", "t4")
    assert cut_off.after(point.seen, "t5").standing == point.standing


@pytest.mark.parametrize("point", KILL_POINTS[:-1], ids=lambda point: point.done)
def test_so_is_one_that_fails_anywhere(point: KillPoint) -> None:
    failed = deployed_until(point.done).ended("deploy", FAILED, "t4", {})
    assert failed.after(point.seen, "t5").standing == point.standing


@pytest.mark.parametrize("point", KILL_POINTS, ids=lambda point: point.done)
def test_until_the_service_was_asked_nothing_that_may_be_users_is_touched(point: KillPoint) -> None:
    """Where the ledger alone is known, data that may be users' are frozen; nothing else is."""
    reported = KILL_POINTS.index(next(one for one in KILL_POINTS if one.done == "asked"))
    assert deployed_until(point.done).interrupted("r1", "t4").frozen == (KILL_POINTS.index(point) >= reported)


def test_a_first_deployment_that_was_cut_off_before_it_served_is_not_live() -> None:
    state = State().started("deploy", "r1", "t1").interrupted("r1", "t2")
    assert not state.after("absent", "t3").frozen, "what the source took since would be left behind"


def test_a_first_deployment_that_failed_after_it_served_is_live() -> None:
    state = State().started("deploy", "r1", "t1").after("asked", "t2").after("serving", "t3")
    failed = state.ended("deploy", FAILED, "t4", {})
    assert failed.frozen, "users' rows would be taken for a fault"
    assert failed.live_since == "t3"


def test_once_live_only_a_teardown_ends_it() -> None:
    for event in set(get_args(Event)) - {"torn down", "opened"}:
        assert standing.after("live", event) == "live"
        assert standing.after("moved back", event) == "moved back"
    for before in get_args(Standing):
        assert standing.after(before, "torn down") == "not live"


@pytest.mark.parametrize("seen", SEEN)
def test_the_service_is_asked_when_a_phase_is_opened(store: Store, seen: Event) -> None:
    opening = Opening("preflight", "run-1", US, seen=lambda known: seen)
    state = ledger.open_phase(store, opening)
    assert state.standing == standing.after("not live", seen)
    assert ledger.read(store) == state


def test_a_service_that_is_known_to_serve_is_not_asked(store: Store) -> None:
    def unreachable(known: State) -> Event:
        raise AssertionError("it was asked")

    ledger.open_phase(store, Opening("preflight", "run-1", US))
    ledger.note(store, "run-1", owner=US, event="asked")
    assert ledger.note(store, "run-1", owner=US, event="serving").standing == "live"
    assert ledger.open_phase(store, Opening("preflight", "run-1", US, seen=unreachable)).standing == "live"


OURS = {"Environment": "staging"}
RELEASED = State({"deploy": {"outcome": "failed"}})


@pytest.mark.parametrize(
    ("state", "carried", "adopt", "expected"),
    [
        (State(), {}, "staging", "absent"),
        (State(), OURS, "staging", "serving"),
        (RELEASED, OURS, "", "serving"),
        (State(asked_since="t1"), OURS, "", "serving"),
        # Adopted, and its trial failed before the service was touched: it is still another's release.
        (RELEASED, {}, "staging", "absent"),
    ],
)
def test_a_service_counts_as_live_if_a_release_of_it_is_known(
    state: State, carried: dict, adopt: str, expected: Event
) -> None:
    assert (
        ledger.known_event(state, "serving", carried, OURS, adopt=adopt, subject="service bmii") == expected
    )


def test_a_service_without_our_tag_is_not_the_release_of_a_phase_that_failed() -> None:
    with pytest.raises(RefusedError, match="carries no tag Environment"):
        ledger.known_event(RELEASED, "serving", {}, OURS, adopt="", subject="service bmii")


@pytest.mark.parametrize("event", ["serving", "starting"])
@pytest.mark.parametrize("carried", [{}, OURS, {"Environment": "production"}])
def test_a_service_that_the_ledger_does_not_know_is_refused(carried: dict, event: Event) -> None:
    """A placeholder of this name would freeze an empty target, and the run would be green."""
    with pytest.raises(RefusedError, match="service bmii") as caught:
        ledger.known_event(State(), event, carried, OURS, adopt="", subject="service bmii")
    assert ("platform_adopt=staging" in caught.value.remedy) == (carried.get("Environment") != "production")


def test_a_teardown_asks_no_service(store: Store) -> None:
    def unreachable(known: State) -> Event:
        raise AssertionError("it was asked")

    ledger.open_phase(store, Opening("teardown", "run-1", US, seen=unreachable))


@pytest.mark.parametrize("state", [State(live_since="t1"), State(asked_since="t1")])
def test_who_was_moved_back_is_not_moved_again_without_what_they_wrote_since(state: State) -> None:
    """The ledger said live, and the next run was green, with the source open and its new rows left behind."""
    back = State.from_body(state.after("opened", "t2").to_dict())
    assert (back.standing, back.frozen, back.back_since) == ("moved back", True, "t2")
    with pytest.raises(OrderError, match="lacks what they wrote since t2"):
        back.check_order("deploy")
    back.check_order("teardown")
    assert back.after("serving", "t3").standing == "moved back"
    assert back.ended("teardown", SUCCEEDED, "t4", {}).standing == "not live"


def test_a_source_that_is_opened_before_anybody_was_moved_is_as_before() -> None:
    assert State().after("opened", "t1") == State()
