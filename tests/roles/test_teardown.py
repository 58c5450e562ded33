"""Nothing is taken down, and no lock is taken, before the environment has been named."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engines.aws import client

ROOT = Path(__file__).parents[2]
SECRET = "/bmii/local/API_KEY"
STATE = "bmii-state"


@pytest.fixture(scope="module")
def play(aws):
    """Return how to run the playbook against an account that holds one parameter."""
    client("ssm").put_parameter(Name=SECRET, Value="kept", Type="SecureString")

    def run(*arguments):
        command = [
            "ansible-playbook",
            "playbooks/teardown.yml",
            "-e",
            f"platform_aws_endpoint={aws.endpoint}",
        ]
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


def _untouched():
    kept = client("ssm").get_parameters(Names=[SECRET])["Parameters"]
    return len(kept) == 1 and STATE not in _buckets()


def _buckets():
    return [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]


def test_check_mode_shows_what_would_go_without_consent(play):
    code, text = play("--check")

    assert code == 0, text
    assert "parameters /bmii/local delete 1 parameters" in text
    assert "changed=1" in text
    assert _untouched()


def test_without_consent_the_list_is_shown_and_nothing_else_happens(play):
    code, text = play()

    assert code != 0
    assert "parameters /bmii/local delete 1 parameters" in text
    assert "This deletes local, and teardown_consent names nothing. Nothing was changed." in text
    assert _untouched()


def test_data_need_a_consent_of_their_own(play):
    code, text = play("-e", "teardown_consent=local teardown_data=delete teardown_data_consent=production")

    assert code != 0
    assert "teardown_data_consent names production. Nothing was changed." in text
    assert _untouched()


def test_with_consent_it_is_done_under_the_ledger(play):
    code, text = play("-e", "teardown_consent=local")

    assert code == 0, text
    assert client("ssm").get_parameters(Names=[SECRET])["Parameters"] == []
    assert STATE in _buckets()
    assert f"bucket {STATE} kept: the ledger, with the evidence" in text
