"""The whole migration while its source is written to, killed at any instant and started again.

What the source acknowledged is on the target, or the source's own answer was a refusal; and no run needs more
than the same command. Each case takes some minutes: ``make stress`` alone runs them.
"""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stress import SEED
from tests.sweeps.migration_sandbox import REFUSED, Kill, Run, Sandbox

WHOLE, KILLED = 5, 15
# Tasks of a first run up to the last one before users are served, and how long the longest of them may take.
TASKS, LONGEST = 235, 4.0
# Every fourth migration has no command that stops who writes objects.
WITHOUT_STOP = 4
REFUSAL = "differences since the data were proven, so no user was moved"

pytestmark = pytest.mark.timeout(2400)


@pytest.fixture
def sandbox(servers: None, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a rehearsal whose source is written to, and remove it."""
    sandbox = Sandbox(tmp_path)
    _succeeded(sandbox.playbook("stack_up"))
    threads = sandbox.writer.start()
    yield sandbox
    sandbox.writer.ended.set()
    for thread in threads:
        thread.join()
    _succeeded(sandbox.playbook("stack_down"))


@pytest.mark.parametrize("number", range(WHOLE + KILLED))
def test_what_the_source_acknowledged_is_on_the_target(number: int, sandbox: Sandbox) -> None:
    chance = random.Random(f"{SEED}/{number}")
    stops = number % WITHOUT_STOP != WITHOUT_STOP - 1
    variables = {"migrate_source_stop": sandbox.writer.stop_command} if stops else {}
    kill = None
    if number >= WHOLE:
        kill = Kill(chance.randrange(TASKS), chance.uniform(0, LONGEST), alone=chance.random() < 0.5)
    run = sandbox.playbook("migrate", kill, **variables)
    _note(number, kill, run)
    assert run.code in {0, 2, -signal.SIGKILL}
    if run.code == -signal.SIGKILL:
        sandbox.writer.start_again()
        run = sandbox.playbook("migrate", **variables)
        _note(number, None, run)
    if not stops and run.code and REFUSAL in run.text:
        # Objects kept coming while both stores were compared. Nobody was moved, and the words say what to do.
        assert "migrate_source_stop" in run.text
        run = sandbox.playbook("migrate", migrate_source_stop=sandbox.writer.stop_command)
        _note(number, None, run)
    _succeeded(run)
    _check_rows(sandbox)
    _check_objects(sandbox, run)


def test_who_is_killed_before_the_last_listing_leaves_no_object_unreported(sandbox: Sandbox) -> None:
    """Users are served, and nobody has looked for what came late: the next run does."""
    stops = {"migrate_source_stop": sandbox.writer.stop_command}
    run = sandbox.playbook("migrate", Kill(task="List the buckets again"), **stops)
    assert run.code == -signal.SIGKILL
    sandbox.writer.write_objects(5)
    run = sandbox.playbook("migrate", **stops)
    _succeeded(run)
    assert re.search(r"[5-9] late objects", run.text), run.text[-4000:]
    _check_rows(sandbox)
    _check_objects(sandbox, run)


def _check_rows(sandbox: Sandbox) -> None:
    writer = sandbox.writer
    served = time.time()
    while len([one for one in writer.refused if one[0] > served]) < 10:
        assert time.time() < served + 60, "nothing is refused"
        time.sleep(0.1)
    acknowledged = dict(writer.rows)
    closed = max(sandbox.began("Close the source for writing for good"))
    assert max(acknowledged.values()) < closed, "the source acknowledged a row after it was closed for good"
    assert {state for moment, state in writer.refused if moment > closed} == {REFUSED}
    assert set(acknowledged) - sandbox.rows("source_postgres", "postgres") == set()
    assert set(acknowledged) - sandbox.rows("target_postgres", "postgres") == set()


def _check_objects(sandbox: Sandbox, run: Run) -> None:
    """Each object is on the target, or it came late and is counted; and then it is copied on request."""
    listed = max(sandbox.began("List the buckets again"))
    before = {key for key, moment in dict(sandbox.writer.objects).items() if moment < listed}
    missing = before - sandbox.objects()
    reported = re.search(r"(\d+) late objects", run.text)
    assert len(missing) <= (int(reported.group(1)) if reported else 0), sorted(missing)
    if missing:
        sandbox.writer.ended.set()
        _succeeded(sandbox.playbook("deploy", migrate_copy_late_objects="local"))
        assert set(sandbox.writer.objects) - sandbox.objects() == set()


def _succeeded(run: Run) -> None:
    assert run.code == 0, "".join(line for _, line in run.lines)[-8000:]


def _note(number: int, kill: Kill | None, run: Run) -> None:
    """Print what the run was, for who reads the log of a sweep (``-s``)."""
    began = [line.strip() for _, line in run.lines if line.startswith("TASK [")]
    seconds = run.lines[-1][0] - run.lines[0][0]
    reported = {"number": number, "kill": str(kill or "none"), "code": run.code, "tasks": len(began)}
    print(json.dumps({**reported, "last": began[-1:], "seconds": round(seconds)}), flush=True)  # noqa: T201 - the log
