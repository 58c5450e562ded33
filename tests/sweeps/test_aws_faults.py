"""Every AWS operation of every job meets five faults, and the same command finishes the job.

A proxy before the emulated account puts one fault into the first answer to each operation of a job:
throttled, failed, carried out with the answer lost, 20 seconds late, or denied. A job that ends by them is
run again, as its user would; each such end has to be of a fault, and one by a denial names the IAM action to
allow. In `make test` a seeded fault meets the provision phase; `make stress` runs all jobs.
"""

from __future__ import annotations

import json
import re
import sys

import pytest

from engines.policy import RECORDED
from rehearsal.operator_jobs import JOBS, Rehearsal
from rehearsal.recording import DENIED, FAILED, LATE, LOST, THROTTLED, recording
from rehearsal.stack import free_stack_ports
from tests.stress import STRESS, some

pytestmark = pytest.mark.timeout(6 * 3600)

ACTIONS = {name: job["actions"] for name, job in json.loads(RECORDED.read_text("utf-8"))["jobs"].items()}
FAULTS = (THROTTLED, FAILED, LOST, LATE, DENIED)
# What the emulator calls an operation, and what IAM calls the permission to do it.
IN_IAM = {
    "ecr:BatchGetImage": r"ecr:BatchGetImage|ecr:GetDownloadUrlForLayer",
    "ecs:DescribeServices": "ecs:Describe(Services|Tasks)",
    "s3:GetObject": "s3:(GetObject|ListBucket)",
}


@pytest.fixture
def rehearsal(servers, tmp_path):
    rehearsal = Rehearsal(tmp_path, free_stack_ports())
    started = rehearsal.play("stack_up")
    assert started.code == 0, started.output[-4000:]
    yield rehearsal
    rehearsal.play("stack_down")


def finished(rehearsal, recorder, job, fault):
    """Run a job until it goes well; return what each run before that has met and said."""
    wanted, ends = list(ACTIONS[job.name]), []
    for action in wanted:
        recorder.faults.add(action, fault)
    through = ("-e", f"platform_aws_endpoint={recorder.endpoint}")
    for _ in range(len(wanted) + 2):
        before = set(recorder.faults.left)
        done = rehearsal.play(job.playbook, *job.options, *through)
        now = before - set(recorder.faults.left)
        if job.is_as_expected(done):
            return ends
        ends.append((sorted(now), done.output))
        assert now, f"{job.name} ended by no fault:\n{done.output[-6000:]}"
    raise AssertionError(f"{job.name} was not finished:\n{ends[-1][1][-6000:]}")


def reported(action, output):
    """Return whether the output names the IAM action, and the statement that would allow it."""
    name = IN_IAM.get(action, re.escape(action))
    return re.search(rf'"Action": "({name})"', " ".join(output.split())) is not None


@pytest.mark.parametrize("fault", some(FAULTS, 1))
def test_each_job_is_finished_by_its_own_command(rehearsal, fault, capsys):
    jobs = JOBS if STRESS else [job for job in JOBS if job.name == "provision"]
    with recording(rehearsal.config.aws.endpoint) as recorder:
        recorder.faults.delay = 20.0 if STRESS else 2.0
        for job in jobs:
            ends = finished(rehearsal, recorder, job, fault)
            recorder.faults.clear()
            with capsys.disabled():
                sys.stdout.write(f"{fault} | {job.name} | ended by {[end[0] for end in ends]}\n")
            if fault == DENIED:
                unreported = [
                    actions for actions, output in ends if not any(reported(one, output) for one in actions)
                ]
                assert unreported == [], f"{job.name}: no statement to add for {unreported}"
            if job.name in {"provision", "database", "storage", "container", "deploy"}:
                again = rehearsal.play(job.playbook, *job.options)
                assert "changed=0" in again.output, f"{job.name} was left unfinished:\n{again.output[-6000:]}"
