"""``ecs_rollback`` as Ansible runs it: forward, back, and forward again."""

from __future__ import annotations

import pytest

from tests.library.ecs_sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(aws):
    sandbox = Sandbox(aws)
    yield sandbox
    sandbox.remove()


def back(sandbox, *, check=False, **options):
    named = ("cluster", "service", "url", "probe", "timeout")
    arguments = {name: sandbox.options[name] for name in named} | options
    return sandbox.run("ecs_rollback", arguments, check=check)


def test_without_a_service_there_is_nothing_to_go_back_from(sandbox):
    assert "nothing to go back from" in back(sandbox)["msg"]


def test_forward_and_back_and_forward_again(sandbox):
    images = [sandbox.image(kind) for kind in ("good", "better")]
    arns = [sandbox.call(image=image)["task_definition_arn"] for image in images]
    digests = [image.partition("@")[2] for image in images]

    planned = back(sandbox, good=arns, check=True)
    assert planned["changed"]
    assert planned["task_definition_arn"] == arns[0]
    assert sandbox.running() == digests[1]

    gone_back = back(sandbox, good=arns)
    assert gone_back["changed"]
    assert gone_back["actions"] == planned["actions"]
    assert gone_back["previous_arn"] == arns[1]
    assert {each["path"] for each in gone_back["differences"]} >= {"revision"}
    assert {sandbox.running() for _ in range(5)} == {digests[0]}

    refused = back(sandbox, good=arns)
    assert "no revision before" in refused["msg"]
    named = f"{sandbox.name}:1"
    assert not back(sandbox, to=named)["changed"]

    forward = sandbox.call(image=images[1])
    assert forward["changed"]
    assert not forward["registered"]
    assert sandbox.running() == digests[1]


def test_a_revision_that_is_no_good_is_explained_and_the_service_stays_where_it_was(sandbox):
    runs = sandbox.service()["taskDefinition"]
    assert sandbox.call(image=sandbox.image("crash"))["failed"]
    bad = sandbox.revisions()[-1]
    failed = back(sandbox, to=bad)
    assert "exit code 3" in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert sandbox.service()["taskDefinition"] == runs
    assert "does not exist" in back(sandbox, to=f"{sandbox.name}:99")["msg"]
    sandbox.ecs.deregister_task_definition(taskDefinition=bad)
    assert "was taken out of use" in back(sandbox, to=bad)["msg"]


def test_a_revision_whose_image_is_a_tag_is_gone_back_to_all_the_same(sandbox):
    runs = sandbox.service()["taskDefinition"]
    found = sandbox.ecs.describe_task_definition(taskDefinition=runs)["taskDefinition"]
    container = found["containerDefinitions"][0]
    digest = container["image"].partition("@")[2]
    kind = "application/vnd.oci.image.manifest.v1+json"
    url = f"{sandbox.endpoint}/v2/{sandbox.name}/manifests"
    manifest = sandbox.http.request("GET", f"{url}/{digest}", headers={"Accept": kind}).data
    tagged = sandbox.http.request("PUT", f"{url}/stable", body=manifest, headers={"Content-Type": kind})
    assert tagged.status < 300
    kept = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn")
    registered = sandbox.ecs.register_task_definition(
        **{name: found[name] for name in kept},
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{**container, "image": f"{sandbox.repository}:stable"}],
    )["taskDefinition"]["taskDefinitionArn"]
    moved = back(sandbox, to=registered.rpartition("/")[2])
    assert moved.get("msg", "") == ""
    assert sandbox.service()["taskDefinition"] == registered
    assert sandbox.running() == digest
