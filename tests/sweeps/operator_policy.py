"""Each recorded action is taken out of the operator's policy, and something fails: `make stress`.

Every job of a rehearsal under enforcement is run once without each of the actions that are tried in it, in
the order in which it makes the calls, and then with all of them. An action is tried in the cheapest job that
makes the call; where that goes well nevertheless, in the next one that does.
"""

import json
import re
import sys

import pytest

from engines.policy import model, plan
from rehearsal.operator_jobs import JOBS, Rehearsal
from rehearsal.process import PROJECT
from rehearsal.stack import Operator, free_stack_ports, operator_user

POLICY = PROJECT / "docs/reference/operator-policy.json"
RECORDED = json.loads(plan.RECORDED.read_text(encoding="utf-8"))["jobs"]
NAMES = {"Name": "bmii", "Environment": "local"}
pytestmark = pytest.mark.timeout(2 * 3600)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    rehearsal = Rehearsal(tmp_path_factory.mktemp("policy"), free_stack_ports(), POLICY)
    started = rehearsal.play("stack_up")
    assert started.code == 0, started.output[-4000:]
    rehearsal.fill()
    yield rehearsal
    rehearsal.play("stack_down")


@pytest.fixture(scope="module")
def allow(rehearsal, tmp_path_factory):
    """Return a function that lets the operator do what the policy allows, but for one action."""
    iam, file = operator_user.client(rehearsal.config.aws), tmp_path_factory.mktemp("without") / "policy.json"

    def allow(but=""):
        policy = json.loads(POLICY.read_text(encoding="utf-8"))
        file.write_text(json.dumps(model.without(policy, but)), encoding="utf-8")
        operator_user.attach(
            iam, Operator(file, NAMES).documents(rehearsal.config.account_id, rehearsal.config.region)
        )

    return allow


def tried_in(job, untried):
    """Return the actions that are tried in a job: those that no later one tries at less cost."""
    later = [each.name for each in JOBS[JOBS.index(job) :]]
    return [
        action
        for action in RECORDED[job.name]["actions"]
        if action in untried
        and job.name
        == min(
            (name for name in later if action in RECORDED[name]["actions"]),
            key=lambda name: RECORDED[name]["seconds"],
        )
    ]


def test_without_any_one_recorded_action_something_fails(rehearsal, allow, capsys):
    statements = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]
    untried = {each for one in statements if one["Sid"].startswith("Run") for each in one["Action"]}
    assert len(untried) > 50
    for job in JOBS:
        for action in tried_in(job, untried):
            allow(but=action)
            done = rehearsal.play(job.playbook, *job.options)
            failed = not job.is_as_expected(done)
            said = reason(done) if failed else "went well"
            with capsys.disabled():
                sys.stdout.write(f"{action} | {job.name} | {done.seconds} s | {said}\n")
            untried -= {action} if failed else set()
        allow()
        done = rehearsal.play(job.playbook, *job.options)
        assert job.is_as_expected(done), f"{job.name}:\n{done.output[-6000:]}"
    assert untried == set()


def reason(done):
    """Return what was said of the failure, in short."""
    [said, *_] = re.findall(r"\[ERROR\]: (.*)", done.output) or [""]
    return said[:300]
