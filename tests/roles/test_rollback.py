"""The role ``rollback`` as ``ansible-playbook`` runs it, for a service on the emulator."""

from __future__ import annotations

import os

import pytest

from tests.library.ecs_sandbox import Sandbox
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
        msg: "EVIDENCE={{ rollback_evidence.task_definition_arn }} OUTPUTS={{ rollback_outputs | length }}"
"""


@pytest.fixture(scope="module")
def sandbox(aws):
    """Return a service that was released twice, with the ledger's journals of that."""
    sandbox = Sandbox(aws)
    arns = [sandbox.call(image=sandbox.image(kind))["task_definition_arn"] for kind in ("good", "better")]
    sandbox.arns = arns
    sandbox.journals = [
        {
            "run_id": f"r{number}",
            "phases": {
                "deploy": {
                    "outcome": "succeeded",
                    "ended": f"t{number}",
                    "outputs": {"task_definition_arn": arn},
                }
            },
        }
        for number, arn in enumerate(arns)
    ]
    yield sandbox
    sandbox.remove()


@pytest.fixture
def play(sandbox, tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)

    def run(*arguments, **variables):
        variables = {
            "rollback_environment": "test",
            "rollback_cluster": sandbox.name,
            "rollback_service_name": sandbox.name,
            "rollback_url": sandbox.url,
            "rollback_journals": sandbox.journals,
            "rollback_timeout": 30,
            "rollback_steady_seconds": 0,
            **variables,
        }
        played = plays.play(tmp_path, variables, arguments, os.environ)
        sandbox.said.append(played.output)
        return played.unwrapped

    return run


def test_the_service_goes_back_to_what_served_before_and_forward_to_what_is_named(sandbox, play):
    text, changed, failed = play("--check")
    assert (changed, failed) == (1, 0), text
    assert sandbox.service()["taskDefinition"] == sandbox.arns[1]

    text, changed, failed = play()
    assert (changed, failed) == (1, 0), text
    assert f"EVIDENCE={sandbox.arns[0]} OUTPUTS=0" in text
    assert sandbox.service()["taskDefinition"] == sandbox.arns[0]

    text, changed, failed = play(rollback_to=f"{sandbox.name}:2")
    assert (changed, failed) == (1, 0), text
    assert sandbox.service()["taskDefinition"] == sandbox.arns[1]


def test_the_infrastructure_asks_for_consent_and_for_a_template_that_was_applied(play):
    text, changed, failed = play(rollback_of="infrastructure")
    assert (changed, failed) == (0, 1)
    assert "-e rollback_consent=test" in text
    text, changed, failed = play(rollback_of="infrastructure", rollback_consent="test")
    assert (changed, failed) == (0, 1)
    assert "there is no such applied template" in text
