"""The role ``rollback`` for a database, as ``ansible-playbook`` runs it: restored, asked about, switched."""

from __future__ import annotations

import re

import pytest

from tests.library.rds_sandbox import NAME, a_moment, begun
from tests.roles import plays

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Go back
      ansible.builtin.include_role:
        name: rollback
    - name: Show what is recorded
      ansible.builtin.debug:
        msg: "KEPT={{ _found.kept }} TABLES={{ _found.compare.tables | default([]) | length }}"
      vars:
        _found: "{{ rollback_evidence }}"
"""


@pytest.fixture(scope="module")
def sandbox(servers, tmp_path_factory):
    with begun(tmp_path_factory.mktemp("way")) as sandbox:
        sandbox.write(1, "one")
        sandbox.moment = a_moment()
        sandbox.write(2, "two")
        yield sandbox


@pytest.fixture
def play(sandbox, tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)

    def run(*arguments, **variables):
        options = sandbox.options(sandbox.moment)
        variables = {
            "rollback_of": "database",
            "rollback_to": sandbox.moment,
            "rollback_environment": "test",
            "rollback_database_instance": NAME,
            "rollback_database_address": options["address"],
            "rollback_application_address": options["application_address"],
            "rollback_alembic_config": options["config"],
            "rollback_database_timeout": 60,
            **variables,
        }
        played = plays.play(tmp_path, variables, arguments, sandbox.environment)
        return played.unwrapped

    return run


def test_without_consent_it_restores_compares_and_says_what_to_pass(sandbox, play):
    text, changed, failed = play()

    assert (changed, failed) == (1, 1), text
    assert "-e rollback_consent=test" in text
    assert re.search(r"public.notes +2 +1 +1 +0 +0", text), text
    assert sandbox.notes() == {1: "one", 2: "two"}


def test_check_mode_needs_no_consent_and_switches_nothing(sandbox, play):
    text, changed, failed = play("--check")

    assert (changed, failed) == (1, 0), text
    assert f"rename it to {NAME}-before-" in text
    assert sandbox.notes() == {1: "one", 2: "two"}


def test_with_consent_it_switches_and_says_how_to_go_forward_again(sandbox, play):
    text, changed, failed = play(rollback_consent="test")
    assert (changed, failed) == (1, 0), text
    kept = re.search(r"KEPT=(\S+) TABLES=3", text)
    assert kept, text
    assert f"-e rollback_to={kept[1]} -e rollback_consent=test" in text
    assert sandbox.notes() == {1: "one"}

    text, changed, failed = play()
    assert (changed, failed) == (0, 0), text

    text, changed, failed = play(rollback_to=kept[1], rollback_consent="test")
    assert (changed, failed) == (1, 0), text
    assert sandbox.notes() == {1: "one", 2: "two"}
