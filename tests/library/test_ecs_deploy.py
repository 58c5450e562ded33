"""``ecs_deploy`` as Ansible runs it, against the emulated ECS, where tasks are processes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.library.ecs_sandbox import CANARY, Sandbox


@pytest.fixture
def sandbox(aws):
    sandbox = Sandbox(aws)
    yield sandbox
    sandbox.remove()


def digest(image):
    return image.partition("@")[2]


def test_a_release_reaches_its_users_and_the_second_run_changes_nothing(sandbox):
    image = sandbox.image("good")
    planned = sandbox.call(image=image, check=True)
    assert planned["changed"]
    assert planned["actions"] == [f"register a revision of {sandbox.name}", f"create service {sandbox.name}"]
    assert sandbox.revisions() == []
    assert sandbox.ecs.list_services(cluster=sandbox.name)["serviceArns"] == []

    first = sandbox.call(image=image)
    assert first["changed"]
    assert first["registered"]
    assert first["actions"] == planned["actions"]
    assert first["diff"]["after"] == planned["diff"]["after"]
    assert first["deployment"]["rollout_state"] == "COMPLETED"
    assert first["task_definition_arn"].endswith(f"/{sandbox.name}:1")
    assert sandbox.running() == digest(image)

    again = sandbox.call(image=image)
    assert not again["changed"]
    assert not again["registered"]
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["deployment"] == first["deployment"]
    assert not sandbox.call(image=image, check=True)["changed"]
    assert sandbox.revisions() == [f"{sandbox.name}:1"]

    second = sandbox.image("better")
    assert sandbox.call(image=second, check=True)["registered"]
    assert sandbox.running() == digest(image)
    moved = sandbox.call(image=second)
    assert moved["actions"][1] == f"update service {sandbox.name}: taskDefinition"
    assert {sandbox.running() for _ in range(5)} == {digest(second)}
    paths = {each["path"] for each in moved["differences"]}
    assert f"task_definition.containerDefinitions.{sandbox.name}.image" in paths
    assert len(paths) == 2  # and IMAGE_DIGEST


def test_where_autoscaling_is_not_offered_it_is_skipped_and_said(sandbox):
    image = sandbox.image("good")
    done = sandbox.call(image=image, autoscaling={"min": 1, "max": 3, "cpu": 60}, execute_command=True)
    assert "failed" not in done, done["msg"]
    assert done["autoscaling"].startswith("skipped: ")
    assert done["actions"] == [f"register a revision of {sandbox.name}", f"create service {sandbox.name}"]
    assert sandbox.service()["enableExecuteCommand"] is True
    refused = sandbox.call(image=image, autoscaling={"min": 3, "max": 2})
    assert "between 3 and 2 tasks" in refused["msg"]


def test_a_crash_is_explained_and_undone(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("BMII_EVENTS", str(tmp_path / "events"))
    good = sandbox.image("good")
    sandbox.call(image=good)
    failed = sandbox.call(image=sandbox.image("crash"))
    assert failed["failed"]
    assert failed["details"]["reason"] == "failed"
    assert f"release {sandbox.name}:2 did not reach its users" in failed["msg"]
    assert "exit code 3" in failed["msg"]
    assert "cannot go on" in failed["msg"]
    assert "starting crash with ********" in failed["msg"]
    assert f"The service is back on {sandbox.name}:1, and answers." in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert sandbox.running() == digest(good)
    assert sandbox.service()["taskDefinition"].endswith(":1")
    assert not sandbox.call(image=good)["changed"]
    events = (tmp_path / "events").read_text()
    sandbox.said.append(events)
    kinds = {json.loads(line)["kind"] for line in events.splitlines()}
    # A busy machine may not answer for ten seconds, which is told.
    assert kinds - {"aws.silent"} == {"ecs.register", "ecs.create", "ecs.update", "ecs.rollout", "ecs.failed"}


def test_a_task_that_is_never_healthy_is_explained_and_undone(sandbox):
    good = sandbox.image("good")
    sandbox.call(image=good)
    failed = sandbox.call(image=sandbox.image("sick"), health_check_grace=0)
    assert "failed ELB health checks" in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert sandbox.running() == digest(good)


def test_what_ecs_takes_for_a_success_is_undone_when_another_image_answers(sandbox):
    good = sandbox.image("good")
    sandbox.call(image=good, desired_count=2)
    failed = sandbox.call(image=sandbox.image("liar"), desired_count=1, timeout=15)
    assert failed["details"]["reason"] == "timeout"
    assert "answers from image sha256:000" in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert sandbox.running() == digest(good)
    assert sandbox.service()["desiredCount"] == 2


def test_settings_that_fail_are_undone_where_the_revision_stays(sandbox):
    image = sandbox.image("good")
    sandbox.call(image=image)
    # Nothing can be reached in so little time: what is tested is the rollback.
    changes = {"subnet_ids": ["subnet-2"], "desired_count": 2}
    failed = sandbox.call(image=image, **changes, timeout=0, steady_seconds=600)
    assert failed["details"]["reason"] == "timeout"
    network = sandbox.service()["networkConfiguration"]["awsvpcConfiguration"]
    assert sorted(network["subnets"]) == ["subnet-1", "subnet-2"]
    assert sandbox.service()["desiredCount"] == 1
    assert "nothing to go back to" not in failed["msg"]


def test_what_somebody_else_has_released_meanwhile_is_left_alone(sandbox):
    sandbox.call(image=sandbox.image("good"))
    theirs = sandbox.call(image=sandbox.image("better"))["task_definition_arn"]
    late = sandbox.image("late")
    with ThreadPoolExecutor(1) as thread:
        ours = thread.submit(sandbox.call, image=late)
        while not sandbox.service()["taskDefinition"].endswith(":3"):
            time.sleep(0.1)
        first = theirs.removesuffix(":2") + ":1"
        sandbox.ecs.update_service(cluster=sandbox.name, service=sandbox.name, taskDefinition=first)
        failed = ours.result()
    assert failed["details"]["reason"] == "replaced"
    assert f"Somebody has moved it to {sandbox.name}:1 meanwhile, where it was left." in failed["msg"]
    assert sandbox.service()["taskDefinition"] == first


def test_a_service_that_somebody_deletes_meanwhile_is_reported(sandbox):
    sandbox.call(image=sandbox.image("good"))
    late = sandbox.image("late")
    with ThreadPoolExecutor(1) as thread:
        ours = thread.submit(sandbox.call, image=late)
        while not sandbox.service()["taskDefinition"].endswith(":2"):
            time.sleep(0.1)
        sandbox.ecs.delete_service(cluster=sandbox.name, service=sandbox.name, force=True)
        failed = ours.result()
    assert "somebody has deleted it meanwhile" in failed["msg"]


def test_a_first_release_that_failed_succeeds_once_its_secret_is_there(sandbox):
    image = sandbox.image("good")
    sandbox.ssm.delete_parameter(Name=f"/{sandbox.name}/API_KEY")
    failed = sandbox.call(image=image)
    assert f"/{sandbox.name}/API_KEY" in failed["msg"]
    assert "There is no earlier good revision to go back to." in failed["msg"]
    sandbox.ssm.put_parameter(Name=f"/{sandbox.name}/API_KEY", Value=CANARY, Type="SecureString")
    repaired = sandbox.call(image=image)
    assert repaired["actions"] == [f"update service {sandbox.name}: forceNewDeployment"]
    assert sandbox.running() == digest(image)


def test_a_run_killed_after_registering_is_finished_with_the_same_revision(sandbox):
    sandbox.call(image=sandbox.image("good"))
    newest = sandbox.image("better")
    sandbox.call(image=newest)
    sandbox.ecs.update_service(cluster=sandbox.name, service=sandbox.name, taskDefinition=f"{sandbox.name}:1")
    finished = sandbox.call(image=newest)
    assert finished["changed"]
    assert not finished["registered"]
    assert sandbox.revisions() == [f"{sandbox.name}:1", f"{sandbox.name}:2"]
    assert sandbox.running() == digest(newest)


def test_a_dry_run_on_an_empty_account_has_a_plan(sandbox):
    unknown = dict.fromkeys(
        ("cluster", "image", "execution_role_arn", "task_role_arn", "log_group", "url"), ""
    )
    planned = sandbox.call(check=True, **unknown, subnet_ids=[], security_group_ids=[], target_group_arn="")
    assert planned["changed"]
    assert planned["diff"]["before"] == {}
    refused = sandbox.call(**unknown)
    assert "cluster, image, execution_role_arn: is empty" in refused["msg"]


def test_tags_and_literal_secrets_are_refused_before_anything_is_made(sandbox):
    assert "by digest, not by tag" in sandbox.call(image=f"{sandbox.repository}:latest")["msg"]
    refused = sandbox.call(image=sandbox.image("good"), secrets={"API_KEY": CANARY})
    assert "secret API_KEY" in refused["msg"]
    assert sandbox.revisions() == []
