"""The role ``rollback`` as ``ansible-playbook`` runs it, for a service on the emulator."""

from __future__ import annotations

import os

import pytest

from tests.library.ecs_world import World
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
def world(aws):
    """Return a service that was released twice, with the ledger's journals of that."""
    world = World(aws)
    arns = [world.call(image=world.image(kind))["task_definition_arn"] for kind in ("good", "better")]
    world.arns = arns
    world.journals = [
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
    yield world
    world.remove()


@pytest.fixture
def play(world, tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)

    def run(*arguments, **variables):
        variables = {
            "rollback_environment": "test",
            "rollback_cluster": world.name,
            "rollback_service_name": world.name,
            "rollback_url": world.url,
            "rollback_journals": world.journals,
            "rollback_timeout": 30,
            "rollback_steady_seconds": 0,
            **variables,
        }
        played = plays.play(tmp_path, variables, arguments, os.environ)
        world.said.append(played.output)
        return played.told

    return run


def test_the_service_goes_back_to_what_served_before_and_forward_to_what_is_named(world, play):
    text, changed, failed = play("--check")
    assert (changed, failed) == (1, 0), text
    assert world.service()["taskDefinition"] == world.arns[1]

    text, changed, failed = play()
    assert (changed, failed) == (1, 0), text
    assert f"EVIDENCE={world.arns[0]} OUTPUTS=0" in text
    assert world.service()["taskDefinition"] == world.arns[0]

    text, changed, failed = play(rollback_to=f"{world.name}:2")
    assert (changed, failed) == (1, 0), text
    assert world.service()["taskDefinition"] == world.arns[1]


def test_the_infrastructure_asks_for_consent_and_for_a_template_that_was_applied(play):
    text, changed, failed = play(rollback_of="infrastructure")
    assert (changed, failed) == (0, 1)
    assert "-e rollback_consent=test" in text
    text, changed, failed = play(rollback_of="infrastructure", rollback_consent="test")
    assert (changed, failed) == (0, 1)
    assert "there is no such applied template" in text
