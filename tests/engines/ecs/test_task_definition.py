from __future__ import annotations

from dataclasses import replace

import pytest

from engines.ecs import task_definition
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.model import NOT_KNOWN_YET, Difference, Release
from engines.ecs.task_definition import HIDDEN

DIGEST = "sha256:" + "a" * 64
RELEASE = Release(
    family="bmii",
    image=f"registry.example/bmii@{DIGEST}",
    container_port=8000,
    cpu=1024,
    memory=2048,
    execution_role_arn="arn:aws:iam::000000000000:role/execution",
    task_role_arn="arn:aws:iam::000000000000:role/task",
    log_group="/bmii",
    region="us-east-1",
    environment={
        "APP_ENV": "production",
        "OBJECT_STORE_USE_SSL": True,
        "PORT": 8000,
        "EMPTY": "",
        "GONE": None,
    },
    secrets={"DATABASE_URL": "/bmii/DATABASE_URL", "API_KEY": "ssm:/bmii/API_KEY"},
    health_check_command=["CMD", "true"],
    health_grace=60,
)

# As AWS describes it: defaults filled in, lists in an order of its own, empty collections, its own remarks.
REGISTERED = {
    "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:7",
    "family": "bmii",
    "revision": 7,
    "status": "ACTIVE",
    "registeredAt": "2026-01-01T00:00:00Z",
    "registeredBy": "arn:aws:iam::000000000000:root",
    "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
    "compatibilities": ["EC2", "FARGATE"],
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "1024",
    "memory": "2048",
    "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
    "taskRoleArn": "arn:aws:iam::000000000000:role/task",
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    "volumes": [],
    "placementConstraints": [],
    "enableFaultInjection": False,
    "containerDefinitions": [
        {
            "name": "bmii",
            "image": f"registry.example/bmii@{DIGEST}",
            "cpu": 0,
            "essential": True,
            "portMappings": [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}],
            "environment": [
                {"name": "PORT", "value": "8000"},
                {"name": "IMAGE_DIGEST", "value": DIGEST},
                {"name": "EMPTY", "value": ""},
                {"name": "OBJECT_STORE_USE_SSL", "value": "true"},
                {"name": "APP_ENV", "value": "production"},
            ],
            "secrets": [
                {"name": "DATABASE_URL", "valueFrom": "/bmii/DATABASE_URL"},
                {"name": "API_KEY", "valueFrom": "/bmii/API_KEY"},
            ],
            "mountPoints": [],
            "volumesFrom": [],
            "systemControls": [],
            "stopTimeout": 30,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-stream-prefix": "bmii",
                    "awslogs-region": "us-east-1",
                    "awslogs-group": "/bmii",
                },
                "secretOptions": [],
            },
            "healthCheck": {
                "command": ["CMD", "true"],
                "interval": 30,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 60,
            },
        }
    ],
}


def changed_container(**fields):
    (container,) = REGISTERED["containerDefinitions"]
    return {**REGISTERED, "containerDefinitions": [{**container, **fields}]}


def test_what_aws_describes_is_not_a_difference():
    assert task_definition.differences(task_definition.request(RELEASE), REGISTERED) == ()


def test_a_port_without_host_port_and_protocol_is_the_same_port():
    bare = changed_container(portMappings=[{"containerPort": 8000}])
    assert task_definition.differences(task_definition.request(RELEASE), bare) == ()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"memory": 4096}, "memory"),
        ({"platform": "linux/arm64"}, "runtimePlatform.cpuArchitecture"),
        ({"health_check_command": ["CMD", "false"]}, "containerDefinitions.bmii.healthCheck.command"),
        ({"health_grace": 500}, "containerDefinitions.bmii.healthCheck.startPeriod"),
        ({"secrets": {**RELEASE.secrets, "API_KEY": "/other"}}, "containerDefinitions.bmii.secrets.API_KEY"),
        (
            {"environment": {**RELEASE.environment, "EMPTY": "x"}},
            "containerDefinitions.bmii.environment.EMPTY",
        ),
        ({"log_group": "/other"}, "containerDefinitions.bmii.logConfiguration.options.awslogs-group"),
    ],
)
def test_a_change_is_found_where_it_is(change, path):
    found = task_definition.differences(task_definition.request(replace(RELEASE, **change)), REGISTERED)
    assert [difference.path for difference in found] == [path]


def test_a_new_image_differs_in_the_image_and_in_what_it_says_of_itself():
    other = "sha256:" + "b" * 64
    release = replace(RELEASE, image=f"registry.example/bmii@{other}")
    assert task_definition.differences(task_definition.request(release), REGISTERED) == (
        Difference("containerDefinitions.bmii.environment.IMAGE_DIGEST", DIGEST, other),
        Difference("containerDefinitions.bmii.image", RELEASE.image, release.image),
    )


@pytest.mark.parametrize("fields", [{"essential": False}, {"readonlyRootFilesystem": True}, {"cpu": 256}])
def test_what_was_registered_by_hand_is_a_difference(fields):
    (name,) = fields
    found = task_definition.differences(task_definition.request(RELEASE), changed_container(**fields))
    assert [difference.path for difference in found] == [f"containerDefinitions.bmii.{name}"]


def test_a_second_container_is_a_difference():
    (container,) = REGISTERED["containerDefinitions"]
    two = {**REGISTERED, "containerDefinitions": [container, {"name": "sidecar", "image": "x"}]}
    assert "containerDefinitions.sidecar.image" in {
        difference.path for difference in task_definition.differences(task_definition.request(RELEASE), two)
    }


def test_environment_values_become_text_as_yaml_writes_them():
    assert task_definition.environment_of(RELEASE) == {
        "APP_ENV": "production",
        "OBJECT_STORE_USE_SSL": "true",
        "PORT": "8000",
        "EMPTY": "",
        "IMAGE_DIGEST": DIGEST,
    }


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_an_environment_value_that_is_no_text_is_refused(value):
    with pytest.raises(ReleaseConfigurationError, match="environment variable LIST"):
        task_definition.request(replace(RELEASE, environment={"LIST": value}))


@pytest.mark.parametrize(
    "image", ["", "bmii:latest", "bmii", "bmii@sha256:short", "bmii:v1@sha256:" + "A" * 64]
)
def test_an_image_that_is_not_named_by_digest_is_refused(image):
    with pytest.raises(ReleaseConfigurationError, match="by digest"):
        task_definition.request(replace(RELEASE, image=image))


def test_a_dry_run_may_not_know_the_image_yet():
    wanted = task_definition.request(replace(RELEASE, image=NOT_KNOWN_YET))
    assert wanted["containerDefinitions"][0]["image"] == NOT_KNOWN_YET


def test_a_secret_that_is_not_a_place_is_refused_and_not_quoted():
    with pytest.raises(ReleaseConfigurationError) as caught:
        task_definition.request(replace(RELEASE, secrets={"API_KEY": "canary-5f2c"}))
    assert "API_KEY" in str(caught.value)
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.details}"


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("/bmii/API_KEY", "/bmii/API_KEY"),
        ("ssm:/bmii/API_KEY", "/bmii/API_KEY"),
        ("arn:aws:ssm:us-east-1:000000000000:parameter/bmii/API_KEY",) * 2,
        ("arn:aws-cn:secretsmanager:cn-north-1:000000000000:secret:key-AbCdEf",) * 2,
    ],
)
def test_secrets_are_named_by_parameter_or_arn(reference, place):
    assert task_definition.secrets_of(replace(RELEASE, secrets={"API_KEY": reference})) == {"API_KEY": place}


def test_a_variable_in_both_environment_and_secrets_is_refused():
    with pytest.raises(ReleaseConfigurationError, match="API_KEY"):
        task_definition.request(replace(RELEASE, environment={"API_KEY": "x"}))


def test_the_view_hides_environment_values_that_the_configuration_does_not_have():
    known = frozenset(task_definition.environment_of(RELEASE))
    by_hand = changed_container(
        environment=[{"name": "PORT", "value": "1"}, {"name": "TOKEN", "value": "canary"}]
    )
    shown = task_definition.view(by_hand, known)["containerDefinitions"]["bmii"]
    assert shown["environment"] == {"PORT": "1", "TOKEN": HIDDEN}
    assert shown["secrets"] == {"API_KEY": "/bmii/API_KEY", "DATABASE_URL": "/bmii/DATABASE_URL"}
