"""The role database, as ansible-playbook runs it: plan, run, run again, and frozen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.roles.plays import ROOT, play

REPLACED = f"""
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files:
    - "{ROOT}/roles/database/defaults/main.yml"
    - "{ROOT}/roles/database/vars/main.yml"
  tasks:
    - ansible.builtin.debug:
        msg: "replaced: {{{{ _database_may_be_replaced | bool }}}}"
"""


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"database_copied": "1/2"}, True),
        ({"database_copied": "1/2", "database_schemas": ["ours"]}, False),
        ({"database_schemas": ["ours"], "database_replace": "local"}, True),
        ({"database_copied": "1/2", "database_frozen": True}, False),
        ({"database_copied": "1/2", "__database_is": {"identity": "1/2", "lineage": []}}, True),
        ({"database_copied": "1/2", "__database_is": {"identity": "1/9", "lineage": ["1/2"]}}, True),
        # Somebody has made another database of this name: what it holds is nobody's copy.
        ({"database_copied": "1/2", "__database_is": {"identity": "1/9", "lineage": []}}, False),
    ],
)
def test_only_a_copy_is_replaced_without_consent(tmp_path: Path, variables: dict, expected: bool) -> None:
    (tmp_path / "play.yml").write_text(REPLACED)
    usual = {"database_source": "env:SOURCE", "database_environment": "local"}
    reported, _, failed = play(tmp_path, {**usual, **variables}, [], dict(os.environ)).unwrapped
    assert not failed
    assert f"replaced: {expected}" in reported


@pytest.fixture(scope="module")
def sandbox(make_sandbox):
    """Return a sandbox that was planned, moved and moved again; ``runs`` keeps what each said."""
    made = make_sandbox("role")
    extensions = {"database_extensions": ["citext", "pg_trgm"]}
    made.runs = {"plan": made.play("--check", "--diff", **extensions)}
    made.planned = made.facts()
    made.tables_after_plan = made.on("role_target", "SELECT count(*) FROM pg_class WHERE relname = 't'")
    made.runs["first"] = made.play("-v", **extensions)
    # Nobody has used the copy meanwhile: a number that is drawn from a sequence there is a difference.
    made.runs["second"] = made.play("-v", **extensions)
    return made


def test_the_plan_shows_rows_and_revisions_and_changes_nothing(sandbox):
    text, changed, failed = sandbox.runs["plan"]
    assert (changed, failed) == (3, 0)
    assert "ALTER TABLE t ADD COLUMN added text" in text
    assert "copy public.t" in text
    assert sandbox.planned["outputs"] == {"revision": "two"}
    assert sandbox.tables_after_plan == [(0,)]


def test_the_run_copies_compares_and_upgrades(sandbox):
    text, changed, failed = sandbox.runs["first"]
    assert (changed, failed) == (3, 0)
    assert "Copied 101 rows of 2 tables" in text
    assert sandbox.on("role_target", "SELECT count(*), count(added) FROM t") == [(100, 0)]
    found = sandbox.on(
        "role_target", "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
    )
    assert found == [("citext",), ("pg_trgm",)]


def test_the_second_run_changes_nothing_and_proves_again(sandbox):
    _, changed, failed = sandbox.runs["second"]
    assert (changed, failed) == (0, 0)
    facts = sandbox.facts()
    assert facts["outputs"] == {"revision": "two"}
    assert facts["evidence"]["compare"]["equal"]
    assert facts["evidence"]["compare"]["tables"]["public.t"]["rows"] == 100


def test_nothing_to_seed_and_frozen_leave_the_rows_alone(sandbox):
    sandbox.on("role_target", "INSERT INTO t (v) VALUES ('of a user')")
    _, changed, failed = sandbox.play()
    assert failed == 1
    text, changed, failed = sandbox.play(database_frozen=True)
    assert (changed, failed) == (0, 0)
    assert "serves users" in text
    assert sandbox.facts()["evidence"]["compare"]["equal"] is False
    _, changed, failed = sandbox.play(database_source="")
    assert (changed, failed) == (0, 0)
    assert sandbox.on("role_target", "SELECT count(*) FROM t") == [(101,)]


def test_a_way_to_the_database_that_does_not_exist_is_refused_with_those_that_do(sandbox):
    text, _, failed = sandbox.play(database_access="tunnel")
    assert failed == 1
    assert "database_access: is none of relay, ssm, bastion, direct." in " ".join(text.split())
