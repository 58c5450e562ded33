"""A service that nobody was served by yet: what is tried first, and when it counts as live."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from engines.ledger import State, Store
from tests.library import modules
from tests.library.ecs_sandbox import Sandbox

LEDGER = Path(__file__).parents[2] / "library" / "ledger.py"


@pytest.fixture
def sandbox(aws):
    sandbox = Sandbox(aws)
    yield sandbox
    sandbox.remove()


def asked(sandbox: Sandbox, bucket: str, **options) -> dict:
    """Ask the ledger, which asks the service."""
    arguments = {"bucket": bucket, "service": {"cluster": sandbox.name, "name": sandbox.name}, **options}
    return modules.call("ledger", arguments)[0]


def test_it_is_tried_without_being_there(sandbox: Sandbox) -> None:
    good, bad = sandbox.image("good"), sandbox.image("crash")
    # Long enough for a busy machine to start it; the trial ends with the task.
    refused = sandbox.call(image=bad, state="tried", trial_seconds=30)
    assert "did not stand its trial" in refused["msg"]
    tried = sandbox.call(image=good, state="tried", trial_seconds=1)
    assert (tried["changed"], tried["actions"]) == (True, [f"register a revision of {sandbox.name}"])
    assert sandbox.ecs.list_services(cluster=sandbox.name)["serviceArns"] == []
    released = sandbox.call(image=good)
    assert released["actions"] == [f"create service {sandbox.name}"]


def test_what_users_saw_decides_and_not_how_the_phase_ended(sandbox: Sandbox) -> None:
    """A first release that served, and whose run was cut off or failed afterwards, is live."""
    bucket = f"state-{uuid.uuid4().hex[:8]}"
    store = Store(bucket)
    store.create("us-east-1")
    for outcome in ("running", "interrupted", "failed"):
        body = State({"deploy": {"outcome": outcome}}).to_dict()
        store.write("state.json", body, replacing=store.read("state.json"))
        found = asked(sandbox, bucket)
        assert (found["standing"], found["frozen"]) == ("not live", False), outcome
    assert sandbox.call(image=sandbox.image("good"))["changed"]
    found = asked(sandbox, bucket)
    assert (found["standing"], found["frozen"]) == ("live", True)
    opened = asked(sandbox, bucket, state="opened", phase="preflight")
    assert opened["standing"] == "live"
    assert State.from_body(store.read("state.json").body).live_since


def test_a_service_that_somebody_has_made_is_not_taken_for_a_release(sandbox: Sandbox) -> None:
    """A placeholder of this name froze an empty target: nothing was copied, and the run was green."""
    placeholder = sandbox.call(image=sandbox.image("good"))
    assert placeholder["changed"]
    bucket = f"state-{uuid.uuid4().hex[:8]}"
    opening = {"state": "opened", "phase": "provision", "environment": "staging"}
    opening["tags"] = {"Environment": "staging"}
    for check in (True, False):
        refused = modules.call(
            "ledger",
            {"bucket": bucket, "service": {"cluster": sandbox.name, "name": sandbox.name}, **opening},
            check=check,
        )[0]
        assert "carries no tag Environment" in refused["msg"], refused
    adopted = asked(sandbox, bucket, **opening, adopt="staging")
    assert (adopted["standing"], adopted["frozen"]) == ("not live", False)


def test_a_first_release_that_served_for_seconds_says_so(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task is gone when the ledger asks the service; what a user wrote meanwhile is on the target."""
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    crashing = sandbox.image("crashes when asked to")
    failed = sandbox.crash_once_it_serves(tmp_path / "events", image=crashing, steady_seconds=200)
    assert failed["details"]["served"] is True, json.dumps(failed)
    failed = sandbox.call(image=sandbox.image("sick"), timeout=8, health_check_grace=0)
    assert failed["details"]["served"] is False, json.dumps(failed)
