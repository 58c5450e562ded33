"""A container's own health check, as its task definition describes it."""

import time

import pytest

from rehearsal.fargate.command import Command
from rehearsal.fargate.health import Check, Health, watch


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"command": ["CMD", "python3", "-c", "x"]}, ("python3", "-c", "x")),
        ({"command": ["CMD-SHELL", "exit 0"]}, ("/bin/sh", "-c", "exit 0")),
    ],
)
def test_the_command_is_read(described, words):
    assert Check.of(described) == Check(words, interval=30, timeout=5, retries=3, start_period=0)


@pytest.mark.parametrize("described", [None, {}, {"command": ["NONE"]}])
def test_there_may_be_none(described):
    assert Check.of(described) is None


def states(check, *results):
    """Return the state after each result, one a second."""
    health = Health(check)
    seen = []
    for age, passed in enumerate(results, 1):
        health.after(passed=passed, age=age)
        seen.append(health.state)
    return seen


def test_one_success_is_enough_and_failures_have_to_come_in_a_row():
    check = Check((), retries=2)
    assert states(check, True) == ["healthy"]
    assert states(check, False, True, False, False)[-2:] == ["healthy", "unhealthy"]


def test_failures_while_it_starts_do_not_count():
    check = Check((), retries=1, start_period=2)
    assert states(check, False, False, False) == ["starting", "starting", "unhealthy"]
    assert states(check, True, False) == ["healthy", "unhealthy"]


def test_the_command_decides(tmp_path, eventually):
    alive = [True]
    words = ("/bin/sh", "-c", "test -e well")
    command = Command(words, {"PATH": "/usr/bin:/bin"}, tmp_path)
    health = watch(Check(words, interval=0.1, retries=2), command, lambda: alive[0])
    eventually(lambda: health.state == "unhealthy", "it is unhealthy")
    (tmp_path / "well").touch()
    eventually(lambda: health.state == "healthy", "it is well again")
    alive[0] = False
    time.sleep(0.3)
