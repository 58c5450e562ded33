"""A service and its workers, released by ``ecs_deploy`` as one unit, against the emulated ECS."""

from __future__ import annotations

import pytest

from tests.library.ecs_sandbox import Sandbox

# The image is that of the service: a worker is told apart by what it runs.
WORK = "import os, time; print('working for', os.environ['QUEUE'], flush=True); time.sleep(600)"
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


def test_a_worker_is_started_last_and_only_when_those_of_the_source_are_stopped(sandbox):
    image = sandbox.image("good")
    mailer = worker(secrets={"MAIL_KEY": f"/{sandbox.name}/API_KEY"})
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
    events = sandbox.logs.filter_log_events(logGroupName=sandbox.name)["events"]
    assert "working for mail" in [one["message"] for one in events]

    # What runs may be released anew without anybody's word.
    assert not sandbox.call(image=image, workers=[mailer])["changed"]
    changed = sandbox.call(image=image, workers=[worker(queue="post")])
    assert f"update service {sandbox.name}-worker-mailer: taskDefinition" in changed["actions"], changed
    ended = sandbox.call(image=image)
    assert ended["actions"] == [f"end service {sandbox.name}-worker-mailer, which is no longer wanted"]
    assert services(sandbox) == [""]


def test_one_failing_puts_all_back(sandbox):
    good = sandbox.image("good")
    first = worker("first")
    sandbox.call(image=good, workers=[first, worker("second")], workers_may_start=True)
    before = {name: described(sandbox, name)["taskDefinition"] for name in ("first", "second")}
    running = sandbox.service()["taskDefinition"]

    failed = sandbox.call(image=sandbox.image("better"), workers=[first, worker("second", CRASH)])

    assert failed.get("failed"), failed
    assert "exit code 5" in failed["msg"]
    assert "no queue" in failed["msg"]
    assert failed["details"]["served"]
    assert len(failed["details"]["put_back"]) == 2
    assert {name: described(sandbox, name)["taskDefinition"] for name in before} == before
    assert sandbox.service()["taskDefinition"] == running
    assert sandbox.running() == good.partition("@")[2]


def test_a_rollback_takes_the_workers_along(sandbox):
    old, new = sandbox.image("good"), sandbox.image("better")
    first = sandbox.call(image=old, workers=[worker()], workers_may_start=True)
    sandbox.call(image=new, workers=[worker(queue="post")])
    options = {
        "cluster": sandbox.name,
        "service": sandbox.name,
        "to": f"{sandbox.name}:1",
        "workers": {first["task_definition_arn"]: {**first["workers"], "gone": "arn:nothing"}},
        "url": sandbox.url,
    }
    planned = sandbox.run("ecs_rollback", options, check=True)
    assert len(planned["actions"]) == 2
    done = sandbox.run("ecs_rollback", options, check=False)
    assert done["workers"] == first["workers"], done
    assert described(sandbox, "mailer")["taskDefinition"] == first["workers"][f"{sandbox.name}-worker-mailer"]
    assert not sandbox.run("ecs_rollback", options, check=False)["changed"]


def test_workers_are_stopped_and_a_release_does_not_start_them_by_itself(sandbox):
    image = sandbox.image("good")
    tags = {"Environment": "staging"}
    sandbox.call(image=image, workers=[worker()], workers_may_start=True, tags=tags)
    options = {"cluster": sandbox.name, "service": sandbox.name, "tags": tags}
    foreign = sandbox.run("ecs_workers", {**options, "tags": {"Environment": "other"}}, check=False)
    assert "belongs to the environment staging" in foreign["msg"]
    assert sandbox.run("ecs_workers", options, check=True)["stopped"] == [f"{sandbox.name}-worker-mailer"]
    assert described(sandbox, "mailer")["runningCount"] == 1
    assert sandbox.run("ecs_workers", options, check=False)["changed"]
    assert described(sandbox, "mailer")["runningCount"] == 0
    assert not sandbox.run("ecs_workers", options, check=False)["changed"]
    assert not sandbox.run("ecs_workers", {**options, "cluster": "none"}, check=False)["changed"]

    assert sandbox.call(image=image, workers=[worker()], tags=tags)["held"] == [
        f"{sandbox.name}-worker-mailer"
    ]
    assert described(sandbox, "mailer")["desiredCount"] == 0
    sandbox.call(image=image, workers=[worker()], workers_may_start=True, tags=tags)
    assert described(sandbox, "mailer")["runningCount"] == 1
