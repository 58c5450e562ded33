"""Runs that are killed around each call to AWS while they have a relay: one more run leaves none."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from engines.database_access import relay_task
from tests.engines.database_access.test_relay_task import made, running
from tests.stress import SEED, size

KILLS = size(sample=10, full=60)
CALLS = 9  # of a run: find, start, ask for state, address, find again, end
RUN = """
import json, os, signal, sys
from botocore.client import BaseClient
from engines.database_access import relay_task
from engines.database_access.model import Relay
given, kill_at, after = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "after"
call, made = BaseClient._make_api_call, []

def counted(self, operation, options):
    made.append(operation)
    if len(made) == kill_at and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    answer = call(self, operation, options)
    if len(made) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

BaseClient._make_api_call = counted
one = Relay(**given)
relay_task.lease(one, "127.0.0.1:1")
relay_task.end(one.cluster)
"""


def _run(one, *words):
    command = [sys.executable, "-c", RUN, json.dumps(asdict(one)), *words]
    return subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode


@pytest.fixture
def relays(aws):
    one = made()
    yield one
    relay_task.end(one.cluster)


def test_one_more_run_leaves_no_relay(relays):
    chance = random.Random(SEED)
    killed, left = 0, 0
    for _ in range(KILLS):
        ended = _run(relays, str(chance.randint(1, CALLS)), chance.choice(("before", "after")))
        killed += ended == -signal.SIGKILL
        left = max(left, len(running(relays)))
        assert len(running(relays)) <= 1, "a run has not ended what a killed one left"
    assert killed >= KILLS // 2, "the sweep has killed hardly anything"
    assert left == 1, "no kill has left a relay: the sweep shows nothing"
    assert _run(relays, "0", "before") == 0
    assert running(relays) == []
