"""Tasks on the emulated Fargate: real processes behind a real load balancer."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import boto3
import botocore.exceptions
import pytest

PROBE = "import os, urllib.request as r; r.urlopen('http://%s:8000/' % os.environ['BIND_HOST'])"


def _processes_of(address):
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"BIND_HOST={address}".encode() in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_a_service_is_reached_through_the_load_balancer(platform, image, aws, eventually):
    definition = platform.define(image("one"))
    platform.create(definition)
    platform.await_rollout(definition, "COMPLETED")
    version, *lines = platform.get()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    assert version == "one"
    assert seen["SECRET"] == "plain text"
    assert seen["PLAIN"] == "yes"
    assert seen["AWS_ENDPOINT_URL"] == aws.endpoint
    assert not [line for line in lines if "site-packages" in line and aws.folder.as_posix() not in line]
    [(address, health)] = platform.health()
    assert health["State"] == "healthy"
    assert seen["BIND_HOST"] == address != "127.0.0.1"
    eventually(platform.log, "what it wrote is in the log")
    assert platform.log() == ["starting one"]


def test_a_new_revision_replaces_the_old_one(platform, image, eventually):
    first = platform.define(image("one"))
    platform.create(first)
    platform.await_rollout(first, "COMPLETED")
    [(address, _)] = platform.health()
    second = platform.define(image("two"))
    platform.ecs.update_service(cluster=platform.name, service="app", taskDefinition=second)
    platform.await_rollout(second, "COMPLETED")
    eventually(lambda: platform.deployment(first) is None, "the first deployment is gone")
    eventually(lambda: not _processes_of(address), "the first task's process has ended")
    assert {platform.get()[0] for _ in range(5)} == {"two"}


def test_a_task_has_the_credentials_of_its_role(platform, image, aws):
    role = boto3.client("iam").create_role(RoleName=platform.name, AssumeRolePolicyDocument="{}")
    definition = platform.define(image("one"), taskRoleArn=role["Role"]["Arn"])
    platform.create(definition)
    platform.await_rollout(definition, "COMPLETED")
    seen = dict(line.split("=", 1) for line in platform.get()[1:] if "=" in line)
    assert seen["AWS_ACCESS_KEY_ID"] == ""
    address, token = seen["AWS_CONTAINER_CREDENTIALS_FULL_URI"], seen["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)
        patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)
        patch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
        who = boto3.session.Session().client("sts").get_caller_identity()["Arn"]
        assert f":assumed-role/{platform.name}/" in who
        patch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another")
        with pytest.raises(botocore.exceptions.CredentialRetrievalError):
            boto3.session.Session().client("sts").get_caller_identity()


def test_a_task_without_a_role_gets_no_credentials(platform, image):
    definition = platform.define(image("one"))
    platform.create(definition)
    platform.await_rollout(definition, "COMPLETED")
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI=" in platform.get()


def test_the_desired_count_is_kept_and_a_task_that_ignores_sigterm_is_killed(platform, image, eventually):
    definition = platform.define(image("stubborn"), container={"stopTimeout": 8})
    platform.create(definition)
    platform.await_rollout(definition, "COMPLETED")
    platform.ecs.update_service(cluster=platform.name, service="app", desiredCount=3)
    # Before a program has begun to serve it does not ignore the signal yet.
    serving = ["healthy"] * 3
    eventually(lambda: [health["State"] for _, health in platform.health()] == serving, "3 tasks serve")
    states = set()
    platform.ecs.update_service(cluster=platform.name, service="app", desiredCount=1)

    def ended():
        gone = platform.tasks("STOPPED")
        states.update(task["lastStatus"] for task in gone)
        return len(gone) == 2 and {task["lastStatus"] for task in gone} == {"STOPPED"}

    eventually(ended, "two tasks have ended")
    assert len(platform.tasks()) == 1
    assert "STOPPING" in states
    for task in platform.tasks("STOPPED"):
        assert task["containers"][0]["exitCode"] == 137
        assert task["stoppedAt"] - task["stoppingAt"] >= timedelta(seconds=7)


def _health(*command, **more):
    check = {"command": list(command), "interval": 5, "timeout": 60, "retries": 1}
    return {"healthCheck": {**check, **more}}


def test_a_container_that_fails_its_own_health_check_is_rolled_back(platform, image, eventually):
    first = platform.define(image("one"), container=_health("CMD", "python3", "-c", PROBE, startPeriod=60))
    platform.create(first)
    platform.await_rollout(first, "COMPLETED")
    [task] = platform.tasks()
    assert task["healthStatus"] == task["containers"][0]["healthStatus"] == "HEALTHY"
    ill = platform.define(image("one"), container=_health("CMD-SHELL", "exit 1"))
    platform.ecs.update_service(cluster=platform.name, service="app", taskDefinition=ill)
    eventually(lambda: platform.service()["taskDefinition"] == first, "rolled back")
    stopped = [one for one in platform.tasks("STOPPED") if one["taskDefinitionArn"] == ill]
    assert {one["stoppedReason"] for one in stopped} == {"Task failed container health checks"}


def test_two_tasks_have_two_addresses(platform, image):
    definition = platform.define(image("one"))
    platform.create(definition, desired=2)
    platform.await_rollout(definition, "COMPLETED")
    assert len({address for address, _ in platform.health()}) == 2


def test_a_crash_is_reported_and_rolled_back(platform, image, eventually):
    first = platform.define(image("one"))
    platform.create(first)
    platform.await_rollout(first, "COMPLETED")
    broken = platform.define(image("crash"))
    platform.ecs.update_service(cluster=platform.name, service="app", taskDefinition=broken)
    eventually(lambda: platform.service()["taskDefinition"] == first, "rolled back")
    stopped = [task for task in platform.tasks("STOPPED") if task["taskDefinitionArn"] == broken]
    # One that was just starting when the others had crashed often enough was stopped with the release.
    crashed = [task for task in stopped if task["stopCode"] != "ServiceSchedulerInitiated"]
    assert {task["stopCode"] for task in crashed} == {"EssentialContainerExited"}
    assert {task["containers"][0]["exitCode"] for task in crashed} == {3}
    eventually(lambda: "cannot go on" in platform.log(), "its last words are in the log")
    assert platform.get()[0] == "one"


def test_a_sick_task_is_never_sent_requests_and_is_rolled_back(platform, image, eventually):
    first = platform.define(image("one"))
    platform.create(first)
    platform.await_rollout(first, "COMPLETED")
    sick = platform.define(image("sick"))
    platform.ecs.update_service(
        cluster=platform.name, service="app", taskDefinition=sick, healthCheckGracePeriodSeconds=0
    )
    states, versions = set(), set()

    def rolled_back():
        states.update(health["State"] for _, health in platform.health())
        versions.add(platform.get()[0])
        return platform.service()["taskDefinition"] == first

    eventually(rolled_back, "rolled back")
    reasons = {task["stoppedReason"] for task in platform.tasks("STOPPED")}
    assert versions == {"one"}
    assert "initial" in states
    assert f"Task failed ELB health checks in (target-group {platform.group})" in reasons


def test_an_image_that_is_not_there_is_named(platform, image, eventually):
    missing = image("one").split("@")[0] + "@sha256:" + "0" * 64
    platform.create(platform.define(missing))
    eventually(lambda: platform.tasks("STOPPED"), "a stopped task")
    reason = platform.tasks("STOPPED")[0]["stoppedReason"]
    assert reason.startswith("CannotPullContainerError")
    assert "0" * 64 in reason


def test_a_secret_that_is_not_there_is_named(platform, image, eventually):
    definition = platform.define(image("one"))
    boto3.client("ssm").delete_parameter(Name=f"/{platform.name}/SECRET")
    platform.create(definition)
    eventually(lambda: platform.tasks("STOPPED"), "a stopped task")
    assert f"/{platform.name}/SECRET" in platform.tasks("STOPPED")[0]["stoppedReason"]


def test_a_task_that_was_killed_is_replaced(platform, image, eventually):
    definition = platform.define(image("one"))
    platform.create(definition)
    platform.await_rollout(definition, "COMPLETED")
    [(address, _)] = platform.health()
    [process] = _processes_of(address)
    os.kill(process, signal.SIGKILL)
    eventually(lambda: platform.tasks("STOPPED"), "the task is stopped")

    def replaced():
        return [1 for other, health in platform.health() if other != address and health["State"] == "healthy"]

    eventually(replaced, "another target is healthy")
    [container] = platform.tasks("STOPPED")[0]["containers"]
    assert container["exitCode"] == 137
    assert "OutOfMemory" not in container.get("reason", ""), "it was killed by hand"
