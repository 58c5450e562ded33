from __future__ import annotations

from dataclasses import replace

import pytest

from engines.ecs import plan, task_definition
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.model import Current, Release, WantedService

RELEASE = Release(
    family="bmii",
    image="registry.example/bmii@sha256:" + "a" * 64,
    container_port=8000,
    cpu=1024,
    memory=2048,
    execution_role_arn="arn:execution",
    task_role_arn="arn:task",
    log_group="/bmii",
    region="us-east-1",
)
SERVICE = WantedService(
    cluster="bmii",
    name="bmii",
    subnet_ids=["subnet-b", "subnet-a"],
    security_group_ids=["sg-1"],
    target_group_arn="arn:tg",
    tags={"Platform": "bmii"},
)
ARN = "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:7"
OLD = "arn:aws:ecs:us-east-1:000000000000:task-definition/bmii:6"
REGISTERED = {**task_definition.request(RELEASE), "taskDefinitionArn": ARN, "status": "ACTIVE"}
BEFORE = {
    **task_definition.request(replace(RELEASE, memory=4096)),
    "taskDefinitionArn": OLD,
    "status": "ACTIVE",
}


def described(**fields):
    """Return the service as ECS describes it once it is as wanted."""
    return {
        "serviceName": "bmii",
        "serviceArn": "arn:service",
        "status": "ACTIVE",
        "taskDefinition": ARN,
        "desiredCount": 1,
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-b", "subnet-a"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "DISABLED",
            }
        },
        "deploymentConfiguration": {
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        },
        "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "bmii", "containerPort": 8000}],
        "healthCheckGracePeriodSeconds": 60,
        "deployments": [
            {"id": "d1", "status": "PRIMARY", "taskDefinition": ARN, "rolloutState": "COMPLETED"}
        ],
        "tags": [{"key": "Platform", "value": "bmii"}, {"key": "Owner", "value": "someone"}],
        **fields,
    }


def kinds(made):
    return [action.kind for action in made.actions]


def test_an_empty_account_gets_a_revision_and_a_service():
    made = plan.make(RELEASE, SERVICE, Current())
    assert kinds(made) == ["register", "create"]
    assert made.before == {}
    create = made.actions[1].request
    assert create["launchType"] == "FARGATE"
    assert create["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert create["tags"] == [{"key": "Platform", "value": "bmii"}]


def test_what_is_as_wanted_gets_no_action():
    made = plan.make(RELEASE, SERVICE, Current(described(), REGISTERED, REGISTERED))
    assert made.actions == ()
    assert made.definition_arn == ARN
    assert made.before["service"] == made.after["service"]
    assert made.before["task_definition"] == made.after["task_definition"]


def test_a_new_release_is_registered_and_the_service_updated():
    made = plan.make(RELEASE, SERVICE, Current(described(taskDefinition=OLD), BEFORE, BEFORE))
    assert kinds(made) == ["register", "update"]
    assert made.actions[1].request == {"cluster": "bmii", "service": "bmii"}
    assert made.actions[1].text == "update service bmii: taskDefinition"


def test_a_revision_left_by_a_killed_run_is_used():
    made = plan.make(RELEASE, SERVICE, Current(described(taskDefinition=OLD), BEFORE, REGISTERED))
    assert kinds(made) == ["update"]
    assert made.actions[0].request["taskDefinition"] == ARN
    assert not made.registers


def test_a_revision_that_was_taken_out_of_use_is_registered_again():
    inactive = {**REGISTERED, "status": "INACTIVE"}
    assert kinds(plan.make(RELEASE, SERVICE, Current(described(), inactive, inactive))) == [
        "register",
        "update",
    ]


@pytest.mark.parametrize(
    ("have", "key"),
    [
        ({"desiredCount": 2}, "desiredCount"),
        ({"healthCheckGracePeriodSeconds": 0}, "healthCheckGracePeriodSeconds"),
        (
            {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}},
            "deploymentConfiguration",
        ),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}},
            "networkConfiguration",
        ),
        ({"loadBalancers": []}, "loadBalancers"),
    ],
)
def test_only_the_setting_that_differs_is_updated(have, key):
    made = plan.make(RELEASE, SERVICE, Current(described(**have), REGISTERED, REGISTERED))
    assert kinds(made) == ["update"]
    assert set(made.actions[0].request) == {"cluster", "service", key}


def test_a_missing_tag_is_set_and_others_stay():
    made = plan.make(RELEASE, SERVICE, Current(described(tags=[]), REGISTERED, REGISTERED))
    assert kinds(made) == ["tag"]
    assert made.actions[0].request["tags"] == [{"key": "Platform", "value": "bmii"}]


def test_a_failed_rollout_of_the_same_release_is_begun_anew():
    failed = [{"id": "d1", "status": "PRIMARY", "taskDefinition": ARN, "rolloutState": "FAILED"}]
    made = plan.make(RELEASE, SERVICE, Current(described(deployments=failed), REGISTERED, REGISTERED))
    assert made.actions[0].request["forceNewDeployment"] is True


def test_a_deleted_service_is_created_again():
    gone = described(status="INACTIVE")
    assert kinds(plan.make(RELEASE, SERVICE, Current(gone, REGISTERED, REGISTERED))) == ["create"]


def test_a_draining_service_is_refused():
    with pytest.raises(ReleaseConfigurationError, match="being deleted"):
        plan.make(RELEASE, SERVICE, Current(described(status="DRAINING"), REGISTERED, REGISTERED))


def test_without_a_target_group_there_is_no_grace_period():
    settings = plan.settings(replace(SERVICE, target_group_arn=""), RELEASE)
    assert {"loadBalancers", "healthCheckGracePeriodSeconds"}.isdisjoint(settings)


@pytest.mark.parametrize(
    ("deployments", "good"),
    [
        ([("PRIMARY", ARN, "COMPLETED")], ARN),
        ([("PRIMARY", ARN, "IN_PROGRESS"), ("ACTIVE", OLD, "COMPLETED")], OLD),
        ([("ACTIVE", OLD, "COMPLETED"), ("PRIMARY", ARN, "COMPLETED")], ARN),
        ([("PRIMARY", ARN, "FAILED")], ""),
    ],
)
def test_the_last_good_revision_is_the_one_that_completed(deployments, good):
    listed = [
        {"id": str(number), "status": status, "taskDefinition": arn, "rolloutState": state}
        for number, (status, arn, state) in enumerate(deployments)
    ]
    assert plan.last_good(described(deployments=listed)) == good
    assert plan.last_good(None) == ""


def test_a_shell_in_tasks_is_a_choice_and_tasks_are_started_anew_to_have_it():
    current = Current(described(enableExecuteCommand=False), REGISTERED, REGISTERED)
    [update] = plan.make(RELEASE, replace(SERVICE, execute_command=True), current).actions
    assert update.request["enableExecuteCommand"] is True
    assert update.request["forceNewDeployment"] is True
    assert not plan.make(RELEASE, SERVICE, current).actions


def test_every_field_that_differs_is_named():
    current = Current(described(taskDefinition=OLD, desiredCount=3), BEFORE, BEFORE)
    found = {
        each.path: (each.before, each.after) for each in plan.make(RELEASE, SERVICE, current).differences
    }
    assert found == {"service.desiredCount": (3, 1), "task_definition.memory": ("4096", "2048")}
