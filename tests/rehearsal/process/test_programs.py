"""Ports that are chosen now and listened on later."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.process import programs
from rehearsal.process.programs import claim_ports, free_ports

CHOOSE = """
import sys
from rehearsal.process import programs
programs._CHOICE = range(int(sys.argv[1]), int(sys.argv[1]) + 8)
print(*programs.free_ports(4), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def few(monkeypatch):
    """Leave eight ports to choose from, which nobody has a claim on.

    Other tests run at the same time, so that they are none of those that these may be given.
    """
    groups = range(programs._CHOICE.stop, 32000, 8)
    first = next(one for one in random.sample(groups, len(groups)) if all_free(one))
    monkeypatch.setattr(programs, "_CHOICE", range(first, first + 8))
    return first


def all_free(first):
    claims = [programs._claim(port) for port in range(first, first + 8)]
    for claim in claims:
        if claim is not None:
            os.close(claim)
    return None not in claims


def test_two_processes_never_choose_the_same_and_one_that_ended_holds_none(few):
    other = subprocess.Popen(
        [sys.executable, "-c", CHOOSE, str(few)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        theirs = {int(one) for one in other.stdout.readline().split()}
        mine = free_ports(4)
        assert len(theirs | set(mine)) == 8
        with pytest.raises(RehearsalError, match="only 0 of 1 ports are free"):
            free_ports(1)
        other.stdin.close()
    assert set(free_ports(4)) == theirs


def test_a_port_that_is_taken_is_not_chosen(few):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", few))
        assert few not in free_ports(7)


def test_ports_are_claimed_together_or_not_at_all():
    (taken,) = free_ports(1)
    (free,) = free_ports(1)
    os.close(programs._claims.pop())  # as if it had never been chosen
    assert not claim_ports([free, taken])
    assert claim_ports([free]), "the claim that failed as a whole has kept a part"


def test_claims_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(programs, "_MOST_CLAIMS", len(programs._claims) + 4)
    for _ in range(5):
        free_ports(2)
    assert len(programs._claims) <= programs._MOST_CLAIMS


def test_no_port_is_one_that_the_kernel_gives_to_connections():
    assert max(free_ports(20)) < 32768
