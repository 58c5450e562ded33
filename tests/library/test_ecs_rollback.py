"""``ecs_rollback`` as Ansible runs it: forward, back, and forward again."""

from __future__ import annotations

import pytest

from tests.library.ecs_world import World


@pytest.fixture(scope="module")
def world(aws):
    world = World(aws)
    yield world
    world.remove()


def back(world, *, check=False, **options):
    named = ("cluster", "service", "url", "probe", "timeout")
    arguments = {name: world.options[name] for name in named} | options
    return world.run("ecs_rollback", arguments, check=check)


def test_without_a_service_there_is_nothing_to_go_back_from(world):
    assert "nothing to go back from" in back(world)["msg"]


def test_forward_and_back_and_forward_again(world):
    images = [world.image(kind) for kind in ("good", "better")]
    arns = [world.call(image=image)["task_definition_arn"] for image in images]
    digests = [image.partition("@")[2] for image in images]

    planned = back(world, good=arns, check=True)
    assert planned["changed"]
    assert planned["task_definition_arn"] == arns[0]
    assert world.running() == digests[1]

    gone_back = back(world, good=arns)
    assert gone_back["changed"]
    assert gone_back["actions"] == planned["actions"]
    assert gone_back["previous_arn"] == arns[1]
    assert {each["path"] for each in gone_back["differences"]} >= {"revision"}
    assert {world.running() for _ in range(5)} == {digests[0]}

    refused = back(world, good=arns)
    assert "no revision before" in refused["msg"]
    named = f"{world.name}:1"
    assert not back(world, to=named)["changed"]

    forward = world.call(image=images[1])
    assert forward["changed"]
    assert not forward["registered"]
    assert world.running() == digests[1]


def test_a_revision_that_is_no_good_is_explained_and_the_service_stays_where_it_was(world):
    runs = world.service()["taskDefinition"]
    assert world.call(image=world.image("crash"))["failed"]
    bad = world.revisions()[-1]
    failed = back(world, to=bad)
    assert "exit code 3" in failed["msg"]
    assert failed["details"]["restored"]["verified"]
    assert world.service()["taskDefinition"] == runs
    assert "does not exist" in back(world, to=f"{world.name}:99")["msg"]
    world.ecs.deregister_task_definition(taskDefinition=bad)
    assert "was taken out of use" in back(world, to=bad)["msg"]


def test_a_revision_whose_image_is_a_tag_is_gone_back_to_all_the_same(world):
    runs = world.service()["taskDefinition"]
    found = world.ecs.describe_task_definition(taskDefinition=runs)["taskDefinition"]
    container = found["containerDefinitions"][0]
    digest = container["image"].partition("@")[2]
    kind = "application/vnd.oci.image.manifest.v1+json"
    url = f"{world.endpoint}/v2/{world.name}/manifests"
    manifest = world.http.request("GET", f"{url}/{digest}", headers={"Accept": kind}).data
    tagged = world.http.request("PUT", f"{url}/stable", body=manifest, headers={"Content-Type": kind})
    assert tagged.status < 300
    kept = ("family", "cpu", "memory", "networkMode", "executionRoleArn", "taskRoleArn")
    registered = world.ecs.register_task_definition(
        **{name: found[name] for name in kept},
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{**container, "image": f"{world.repository}:stable"}],
    )["taskDefinition"]["taskDefinitionArn"]
    moved = back(world, to=registered.rpartition("/")[2])
    assert moved.get("msg", "") == ""
    assert world.service()["taskDefinition"] == registered
    assert world.running() == digest
