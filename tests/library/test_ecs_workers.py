"""A service and its workers, released by ``ecs_deploy`` as one unit, against the emulated ECS."""

from __future__ import annotations

import pytest

from engines.ecs import (
    CertificateRefusedError,
    DeployRequest,
    Outcome,
    Release,
    RolloutError,
    Wait,
    WantedService,
    workers,
)
from engines.ecs.model import Action, Current
from engines.ecs.plan import Plan
from engines.ecs.rollout.recovery import Restored
from tests.library.ecs_sandbox import Sandbox
from tests.library.rds_sandbox import eventually

# The image is that of the service: a worker is told apart by what it runs.
WORK = "import os, time; print('working for', os.environ['QUEUE'], flush=True); time.sleep(600)"
# Here a release without a load balancer is complete once its task has run for a second. On a busy machine
# Python takes longer than that to start, and to crash.
STEADY = 10
# What a task definition has besides its containers.
ROLES = (
    "family",
    "executionRoleArn",
    "taskRoleArn",
    "networkMode",
    "cpu",
    "memory",
    "requiresCompatibilities",
)
CRASH = "import sys; print('no queue', flush=True); sys.exit(5)"


@pytest.fixture
def sandbox(aws):
    sandbox = Sandbox(aws)
    sandbox.options.update(cpu=256, memory=512)
    yield sandbox
    for arn in sandbox.ecs.list_services(cluster=sandbox.name)["serviceArns"]:
        sandbox.ecs.delete_service(cluster=sandbox.name, service=arn, force=True)
    sandbox.remove()


def worker(name="mailer", program=WORK, queue="mail", **more):
    return {
        "name": name,
        "entrypoint": ["python3", "-c", program],
        "environment": {"QUEUE": queue},
        **more,
    }


def services(sandbox):
    arns = sandbox.ecs.list_services(cluster=sandbox.name)["serviceArns"]
    return sorted(arn.rpartition("/")[2].removeprefix(sandbox.name) for arn in arns)


def described(sandbox, name):
    found = sandbox.ecs.describe_services(cluster=sandbox.name, services=[f"{sandbox.name}-worker-{name}"])
    return found["services"][0]


def definition(sandbox, name):
    arn = described(sandbox, name)["taskDefinition"]
    return sandbox.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]


def wait_for_line(sandbox, line):
    """A worker counts as released a second after it was started, which Python itself may take."""

    def lines():
        events = sandbox.logs.filter_log_events(logGroupName=sandbox.name)["events"]
        return [one["message"] for one in events]

    eventually(lambda: line in lines())


def test_a_worker_is_started_last_and_only_when_those_of_the_source_are_stopped(sandbox):
    image = sandbox.image("good")
    mailer = worker(secrets={"MAIL_KEY": f"/{sandbox.name}/API_KEY"}, command=None, health=None, cpu=None)
    held = sandbox.call(image=image, workers=[mailer])
    assert held["held"] == [f"{sandbox.name}-worker-mailer"], held
    assert services(sandbox) == [""]
    assert not sandbox.call(image=image, workers=[mailer])["changed"]

    planned = sandbox.call(image=image, workers=[mailer], workers_may_start=True, check=True)
    assert planned["actions"][-1] == f"create service {sandbox.name}-worker-mailer"
    assert services(sandbox) == [""]
    done = sandbox.call(image=image, workers=[mailer], workers_may_start=True)
    assert done["changed"], done
    assert done["held"] == []
    assert list(done["workers"]) == [f"{sandbox.name}-worker-mailer"]
    assert services(sandbox) == ["", "-worker-mailer"]
    container = definition(sandbox, "mailer")["containerDefinitions"][0]
    assert not container.get("portMappings")
    names = {one["name"] for one in container["environment"] + container["secrets"]}
    assert {"PLAIN", "QUEUE", "IMAGE_DIGEST", "API_KEY", "MAIL_KEY"} <= names
    wait_for_line(sandbox, "working for mail")

    # What runs may be released anew without anybody's word.
    assert not sandbox.call(image=image, workers=[mailer])["changed"]
    changed = sandbox.call(image=image, workers=[worker(queue="post")])
    assert f"update service {sandbox.name}-worker-mailer: taskDefinition" in changed["actions"], changed
    # Nor does a second one need it, such as the same under another name.
    renamed = sandbox.call(image=image, workers=[worker("post", secrets=None)])
    assert renamed["held"] == []
    assert renamed["actions"][-1] == f"end service {sandbox.name}-worker-mailer, which is no longer wanted"
    assert services(sandbox) == ["", "-worker-post"]
    assert described(sandbox, "post")["runningCount"] == 1

    # Where none of them runs, the one that is there is not ended for one that may not start.
    sandbox.ecs.update_service(cluster=sandbox.name, service=f"{sandbox.name}-worker-post", desiredCount=0)
    eventually(lambda: described(sandbox, "post")["runningCount"] == 0)
    stopped = sandbox.call(image=image, workers=[worker("mailer", environment=None)])
    assert stopped["held"] == [f"{sandbox.name}-worker-mailer"]
    assert stopped["notes"] == [
        f"service {sandbox.name}-worker-post is not ended while others are not started"
    ]
    assert services(sandbox) == ["", "-worker-post"]
    ended = sandbox.call(image=image)
    assert ended["actions"] == [f"end service {sandbox.name}-worker-post, which is no longer wanted"]
    assert services(sandbox) == [""]


def test_one_failing_puts_all_back(sandbox):
    good = sandbox.image("good")
    first = worker("first")
    sandbox.call(image=good, workers=[first, worker("second")], workers_may_start=True)
    before = {name: described(sandbox, name)["taskDefinition"] for name in ("first", "second")}
    running = sandbox.service()["taskDefinition"]

    failed = sandbox.call(
        image=sandbox.image("better"), workers=[first, worker("second", CRASH)], steady_seconds=STEADY
    )

    assert failed.get("failed"), failed
    assert "exit code 5" in failed["msg"]
    assert "no queue" in failed["msg"]
    assert failed["details"]["served"]
    assert len(failed["details"]["put_back"]) == 2
    assert {name: described(sandbox, name)["taskDefinition"] for name in before} == before
    assert sandbox.service()["taskDefinition"] == running
    assert sandbox.running() == good.partition("@")[2]


def test_workers_that_are_new_run_no_task_once_one_of_them_has_failed(sandbox):
    """Nothing good ran of them before, so that there is nothing to bring them back to."""
    good = sandbox.image("good")
    sandbox.call(image=good)
    failed = sandbox.call(
        image=good,
        workers=[worker("first"), worker("second", CRASH)],
        workers_may_start=True,
        steady_seconds=STEADY,
    )
    assert "exit code 5" in failed["msg"], failed
    lines = failed["details"]["put_back"]
    assert [one.partition(":")[0] for one in lines] == [
        f"{sandbox.name}-worker-{name}" for name in ("second", "first")
    ]
    assert all("it was stopped" in one for one in lines), lines
    assert [described(sandbox, name)["desiredCount"] for name in ("first", "second")] == [0, 0]
    assert sandbox.running() == good.partition("@")[2]


def test_any_error_of_a_worker_puts_the_service_back(monkeypatch):
    """A certificate, say, that runs out between the service and its worker."""
    service, mailer = (
        DeployRequest(
            Release(name, "shop@sha256:0", 0, 256, 512, "role", "role", "logs", "us-east-1"),
            WantedService("shop", name, ("subnet-1",), ()),
            Wait(1),
        )
        for name in ("shop", "shop-worker-mailer")
    )
    steps = Plan((Action("update", "", {}),), "", {}, {})

    def deploy(request, *_):
        if request is mailer:
            raise CertificateRefusedError("has run out", subject="shop", remedy="Renew it.")
        return Outcome(steps, "shop:2", False, {"id": "1"}, 0.0, "")

    before = {"status": "ACTIVE", "deployments": [{"rolloutState": "COMPLETED", "status": "PRIMARY"}]}
    before["deployments"][0]["taskDefinition"] = "shop:1"
    monkeypatch.setattr(workers.worker_services, "listed", lambda *_: [])
    monkeypatch.setattr(workers.inspection, "current", lambda *_: Current(before))
    monkeypatch.setattr(workers.plan, "make", lambda *_: steps)
    monkeypatch.setattr(workers.apply, "deploy", deploy)
    monkeypatch.setattr(workers, "restore", lambda *_: Restored("shop:1", True, "It is back."))
    with pytest.raises(RolloutError, match=r"has run out\nshop: It is back") as failed:
        workers.deploy(workers.Unit(service, (mailer,), may_start=True), None)
    assert failed.value.details == {"served": True, "put_back": ["shop: It is back."]}
    assert failed.value.remedy == "Renew it."


def test_a_rollback_takes_the_workers_along(sandbox):
    old, new = sandbox.image("good"), sandbox.image("better")
    first = sandbox.call(image=old, workers=[worker()], workers_may_start=True)
    second = sandbox.call(image=new, workers=[worker(queue="post")])["task_definition_arn"]
    options = {
        "cluster": sandbox.name,
        "service": sandbox.name,
        "to": f"{sandbox.name}:1",
        "workers": {first["task_definition_arn"]: {**first["workers"], "gone": "arn:nothing"}},
        "url": sandbox.url,
    }
    planned = sandbox.run("ecs_rollback", options, check=True)
    assert len(planned["actions"]) == 2
    assert planned["notes"] == [f"service gone was released with {sandbox.name}:1, and is not there any more"]
    done = sandbox.run("ecs_rollback", options, check=False)
    assert done["workers"] == first["workers"], done
    assert described(sandbox, "mailer")["taskDefinition"] == first["workers"][f"{sandbox.name}-worker-mailer"]
    assert not sandbox.run("ecs_rollback", options, check=False)["changed"]

    # A revision of a worker that cannot be run any more is found before the service is moved.
    mailer = f"{sandbox.name}-worker-mailer"
    sandbox.ecs.deregister_task_definition(taskDefinition=f"{mailer}:2")
    forward = {**options, "to": f"{sandbox.name}:2", "workers": {second: {mailer: f"{mailer}:2"}}}
    refused = sandbox.run("ecs_rollback", forward, check=False)
    assert f"service {mailer} cannot go back to it" in refused["msg"], refused
    assert sandbox.service()["taskDefinition"] == first["task_definition_arn"]
    # One that the ledger does not know with that revision stays, and is named.
    unknown = sandbox.run("ecs_rollback", {**forward, "workers": {}}, check=True)
    assert f"service {mailer} stays on {mailer}:1" in unknown["notes"][0]


def test_a_worker_that_cannot_go_back_brings_the_service_forward_again(sandbox):
    old, new = sandbox.image("good"), sandbox.image("better")
    first = sandbox.call(image=old, workers=[worker()], workers_may_start=True)
    second = sandbox.call(image=new, workers=[worker(queue="post")])
    mailer = f"{sandbox.name}-worker-mailer"
    registered = definition(sandbox, "mailer")
    container = {**registered["containerDefinitions"][0], "entryPoint": ["python3", "-c", CRASH]}
    crashing = sandbox.ecs.register_task_definition(
        **{name: registered[name] for name in ROLES}, containerDefinitions=[container]
    )["taskDefinition"]["taskDefinitionArn"]

    failed = sandbox.run(
        "ecs_rollback",
        {
            "cluster": sandbox.name,
            "service": sandbox.name,
            "good": [first["task_definition_arn"], second["task_definition_arn"]],
            "workers": {first["task_definition_arn"]: {mailer: crashing}},
            "url": sandbox.url,
            "steady_seconds": STEADY,
        },
        check=False,
    )

    assert "exit code 5" in failed["msg"], failed
    assert failed["details"]["put_back"] == [f"{sandbox.name}: It is on {sandbox.name}:2 again."]
    assert f"-e rollback_to={sandbox.name}:1" in failed["remedy"]
    assert sandbox.service()["taskDefinition"] == second["task_definition_arn"]
    assert described(sandbox, "mailer")["taskDefinition"] == second["workers"][mailer]


def test_workers_are_stopped_and_a_release_does_not_start_them_by_itself(sandbox):
    image = sandbox.image("good")
    tags = {"Environment": "staging"}
    sandbox.call(image=image, workers=[worker()], workers_may_start=True, tags=tags)
    options = {"cluster": sandbox.name, "service": sandbox.name, "tags": tags}
    foreign = sandbox.run("ecs_workers", {**options, "tags": {"Environment": "other"}}, check=False)
    assert not foreign["changed"]
    assert "it belongs to the environment staging" in foreign["notes"][0]
    # One that is only named so may be anybody's: neither stopped nor ended, by nobody's consent.
    alike = f"{sandbox.name}-worker-alike"
    arn = described(sandbox, "mailer")["taskDefinition"]
    sandbox.ecs.create_service(
        cluster=sandbox.name,
        serviceName=alike,
        taskDefinition=arn,
        desiredCount=1,
        networkConfiguration=described(sandbox, "mailer")["networkConfiguration"],
        launchType="FARGATE",
    )
    passed = sandbox.call(image=image, workers=[worker()], tags=tags, adopt="staging")
    assert [alike in one for one in passed["notes"]] == [True], passed
    assert not passed["changed"]
    assert sandbox.run("ecs_workers", options, check=True)["stopped"] == [f"{sandbox.name}-worker-mailer"]
    assert described(sandbox, "mailer")["runningCount"] == 1
    assert sandbox.run("ecs_workers", options, check=False)["changed"]
    assert described(sandbox, "mailer")["runningCount"] == 0
    assert described(sandbox, "alike")["desiredCount"] == 1
    assert not sandbox.run("ecs_workers", options, check=False)["changed"]
    assert not sandbox.run("ecs_workers", {**options, "cluster": "none"}, check=False)["changed"]

    assert sandbox.call(image=image, workers=[worker()], tags=tags)["held"] == [
        f"{sandbox.name}-worker-mailer"
    ]
    assert described(sandbox, "mailer")["desiredCount"] == 0
    sandbox.call(image=image, workers=[worker()], workers_may_start=True, tags=tags)
    assert described(sandbox, "mailer")["runningCount"] == 1
