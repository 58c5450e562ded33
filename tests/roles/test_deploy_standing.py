"""What a failed release leaves in the ledger, and the verdict of one that has moved the users."""

from __future__ import annotations

import os
import textwrap
import uuid
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from engines.ledger import State, Store
from tests.roles import plays

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Run a phase whose release fails
      ansible.builtin.include_role:
        name: ledger
        tasks_from: phase
"""
PHASE = """
- name: Start a release
  ansible.builtin.include_role:
    name: ledger
    tasks_from: note
  vars:
    ledger_event: releasing
  when: begins
- name: Take over
  ansible.builtin.command:
    argv: ["{{ ansible_playbook_python }}", "-c", "{{ takes_over }}"]
  when: takes_over | length > 0
- name: Fail
  ansible.builtin.set_fact:
    __deploy_release: "{{ release }}"
- name: Withdraw
  ansible.builtin.include_role:
    name: deploy
    tasks_from: withdraw
"""


@pytest.fixture
def failed(aws: Any, tmp_path: Path) -> Any:
    """Return ``play(release)``: what is told, and the ledger."""
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    tasks = tmp_path / "roles" / "failing" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(PHASE, encoding="utf-8")
    store = Store(f"state-{uuid.uuid4().hex[:8]}")
    roles = f"{tmp_path / 'roles'}:{plays.ROOT / 'roles'}"

    def play(
        release: dict[str, Any],
        service: str = "nowhere",
        *,
        begins: bool = True,
        takes_over: str = "",
        stopped: bool = False,
    ) -> tuple[str, State]:
        variables = {
            "ledger_phase": "failing",
            "ledger_bucket": store.bucket,
            "ledger_environment": "local",
            "ledger_service": {"cluster": service, "name": service} if service else {},
            "go_live_fence": "none",
            "go_live_stop": ["true"],
            "deploy_workers_may_start": stopped,
            "release": release,
            "begins": begins,
            "takes_over": takes_over,
        }
        environment = {**os.environ, "ANSIBLE_ROLES_PATH": roles}
        reported, _, bad = plays.play(tmp_path, variables, (), environment).unwrapped
        # A run that has lost the lock cannot record how it went.
        assert bool(bad) == bool(takes_over), reported
        return reported, State.from_body(store.read("state.json").body)

    return play


def test_a_release_that_took_traffic_before_it_failed_leaves_users_served(failed: Any) -> None:
    reported, state = failed({"failed": True, "details": {"served": True}}, stopped=True)
    assert state.standing == "live"
    assert "a source that was closed for writing stays so" in reported
    assert "is not started again" not in reported
    # The same command releases the workers then, and does not stop those of the source once more.
    assert state.phases["deploy"]["evidence"] == {"source_stopped": True}


def test_a_release_that_reached_nobody_leaves_nobody_served(failed: Any) -> None:
    reported, state = failed({"failed": True, "details": {"served": False}}, stopped=True)
    assert state.standing == "not live"
    assert "deploy" not in state.phases
    assert "What migrate_source_stop has stopped is not started again" in reported


def test_a_run_that_another_has_taken_over_from_leaves_the_source_closed(failed: Any) -> None:
    """It has not started a release, so that nothing else tells it what the other has done."""
    take_over = """
    import json
    from engines.ledger import LOCK_KEY, Store
    store = Store("{{ ledger_bucket }}")
    found = store.read(LOCK_KEY)
    store.write(LOCK_KEY, {**found.body, "run_id": "another"}, replacing=found)
    """
    reported, state = failed({"failed": True}, begins=False, takes_over=textwrap.dedent(take_over))
    assert state.standing == "not live"
    assert "is not started again" not in reported
    assert "Run another has taken over since this one began" in reported


def test_a_run_whose_lock_is_gone_does_not_name_another(failed: Any) -> None:
    delete = """
    import boto3
    boto3.client("s3").delete_object(Bucket="{{ ledger_bucket }}", Key="lock.json")
    """
    reported, _ = failed({"failed": True}, begins=False, takes_over=textwrap.dedent(delete))
    assert "The lock of this run is gone" in reported
    assert "is not started again" not in reported


def test_where_no_service_can_be_asked_users_may_be_served(failed: Any) -> None:
    reported, state = failed({"failed": True}, service="")
    assert state.standing == "going live"
    assert "Users may have got the release" in reported


WRITABLE = "live, source still writable"


@pytest.mark.parametrize(
    ("recorded", "noted", "fence", "verdict"),
    [
        ("", "", "read_only", "live"),
        ("", "", "none", WRITABLE),
        ("", "live, 3 late objects", "none", "live, 3 late objects"),
        ("live, 2 differences accepted", "live", "none", "live, 2 differences accepted"),
    ],
)
def test_a_verdict_is_that_of_the_run_that_moved_the_users(recorded, noted, fence, verdict) -> None:
    loader = DataLoader()
    inventory = loader.load_from_file(
        str(plays.ROOT / "inventories/common/deploy.yml"), trusted_as_template=True
    )
    values = {
        "ledger_outputs": {"verdict": recorded} if recorded else {},
        "ledger_phases": {"deploy": {"evidence": {"go_live": {"verdict": noted} if noted else {}}}},
        "platform_source_database": "postgresql://old/db",
        "migrate_source_fence": fence,
    }
    templar = Templar(loader=loader, variables=values)
    assert templar.template(inventory["deploy_verdict"]).strip() == verdict


@pytest.mark.parametrize(
    ("values", "starts"),
    [
        ({}, False),
        # Only while users are moved the command is run: named later, nobody has.
        ({"migrate_source_stop": ["true"]}, False),
        ({"migrate_source_stop": ["true"], "ansible_check_mode": True}, True),
        ({"migrate_source_stop": ["true"], "ansible_check_mode": True, "ledger_standing": "live"}, False),
        ({"go_live_has_stopped": True}, True),
        ({"migrate_source_stopped": "production"}, True),
        ({"migrate_source_stopped": "staging"}, False),
        ({"platform_source_database": ""}, True),
        ({"source_stopped": True, "ledger_live_since": "2026-01-01T00:00:00Z"}, True),
        # A record of a release that served nobody: the source was opened since.
        ({"source_stopped": True}, False),
        ({"go_live_has_stopped": True, "ledger_standing": "moved back"}, False),
    ],
)
def test_workers_start_once_those_of_the_source_were_stopped(values: dict[str, Any], starts: bool) -> None:
    loader = DataLoader()
    inventory = loader.load_from_file(
        str(plays.ROOT / "inventories/common/deploy.yml"), trusted_as_template=True
    )
    recorded = {"source_stopped": True} if values.get("source_stopped") else {}
    variables = {
        "ledger_phases": {"deploy": {"evidence": recorded}},
        "deploy_standing": inventory["deploy_standing"],
        "migrate_source_stop": [],
        "migrate_source_stopped": "",
        "platform_environment": "production",
        "platform_source_url": "",
        "platform_source_database": "postgresql://old/db",
        "platform_source_store": {},
        **values,
    }
    templar = Templar(loader=loader, variables=variables)
    assert templar.template(inventory["deploy_workers_may_start"]) is starts


def test_that_the_source_is_stopped_is_set_by_the_command_alone() -> None:
    tasks = DataLoader().load_from_file(str(plays.ROOT / "roles/go_live/tasks/main.yml"))
    block = next(one["block"] for one in tasks if "block" in one)
    names = [one["name"] for one in block]
    at = names.index("Stop what writes to the source")
    assert block[at + 1]["ansible.builtin.set_fact"] == {"go_live_has_stopped": True}
    assert block[at + 1]["when"] == block[at]["when"] == "go_live_stop | length > 0"


@pytest.mark.parametrize(
    ("standing", "went_live", "asked"),
    [
        ("not live", {}, False),
        ("going live", {}, True),
        # A first release failed, its fence was lifted, and a task of it got healthy afterwards.
        ("live", {}, True),
        ("live", {"verdict": "live"}, False),
    ],
)
def test_a_release_that_no_run_has_seen_succeed_needs_a_closed_source(standing, went_live, asked) -> None:
    loader = DataLoader()
    role = loader.load_from_file(str(plays.ROOT / "roles/deploy/vars/main.yml"), trusted_as_template=True)
    templar = Templar(loader=loader, variables={"deploy_standing": standing, "deploy_went_live": went_live})
    assert templar.template(role["_deploy_needs_closed_source"]) is asked
    tasks = loader.load_from_file(str(plays.ROOT / "roles/deploy/tasks/main.yml"))
    first, *_ = next(one["block"] for one in tasks if "block" in one)
    assert first["ansible.builtin.include_role"]["tasks_from"] == "closed"
    assert first["when"] == "_deploy_needs_closed_source and not ansible_check_mode"


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_database_keeps_what_the_last_comparison_needs(frozen: bool) -> None:
    """Emptied, a row that a user wrote on the target since was set aside without consent."""
    loader = DataLoader()
    role = loader.load_from_file(str(plays.ROOT / "roles/database/vars/main.yml"), trusted_as_template=True)
    outputs = loader.load_from_file(
        str(plays.ROOT / "roles/database/tasks/outputs.yml"), trusted_as_template=True
    )
    recorded = {"of": "copied", "source": {"a": 1}, "target": {"a": 1}}
    values = {**role, "database_frozen": frozen, "database_baselines": recorded}
    values |= {"__database_clone": {"identity": "new"}, "__database_compare": {"skipped": True}}
    evidence = outputs[0]["ansible.builtin.set_fact"]["database_evidence"]
    found = Templar(loader=loader, variables=values).template(evidence["baselines"])
    assert found == (recorded if frozen else {"of": "new", "source": {}, "target": {}})


@pytest.mark.parametrize(
    ("standing", "tasks", "autoscaling", "goes"),
    [
        ("not live", 0, {}, False),
        ("going live", "0", {}, False),
        ("not live", 1, {}, True),
        ("not live", 0, {"min": 1, "max": 2}, True),
        # Scaled to nothing by hand, as a rollback asks for.
        ("live", 0, {}, True),
    ],
)
def test_nobody_is_moved_to_a_service_without_tasks(standing, tasks, autoscaling, goes) -> None:
    loader = DataLoader()
    found = loader.load_from_file(str(plays.ROOT / "roles/deploy/tasks/main.yml"), trusted_as_template=True)
    [task] = [one for one in found if one["name"] == "Assert that a first release has tasks"]
    assert found.index(task) < next(number for number, one in enumerate(found) if "block" in one)
    values = {
        "deploy_standing": standing,
        "deploy_desired_count": tasks,
        "deploy_autoscaling": autoscaling,
    }
    templar = Templar(loader=loader, variables=values)
    assert templar.evaluate_conditional(task["ansible.builtin.assert"]["that"]) is goes
