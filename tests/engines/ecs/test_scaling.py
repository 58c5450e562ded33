"""Autoscaling as data, and against botocore's own model of the API: the emulator does not offer it."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from engines.aws import AwsError
from engines.ecs import scaling
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.inspection import Clients
from engines.ecs.model import Scaling, Steps, WantedService

SERVICE = WantedService("bmii", "bmii", ["subnet-1"], ["sg-1"], desired_count=2)
WANTED = Scaling(1, 4, cpu=60)
SAME = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/bmii/bmii",
    "ScalableDimension": "ecs:service:DesiredCount",
}


def policy(kind="cpu", percent=60.0, metric="ECSServiceAverageCPUUtilization"):
    return {
        "PolicyName": f"bmii-{kind}",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": percent,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 60,
            "DisableScaleIn": False,
        },
    }


def methods(target, policies, wanted=WANTED):
    return [call.method for call in scaling.plan(wanted, SERVICE, target, policies).calls]


def test_what_is_missing_is_made():
    calls = scaling.plan(WANTED, SERVICE, None, []).calls
    assert [call.method for call in calls] == ["register_scalable_target", "put_scaling_policy"]
    assert calls[0].request == {**SAME, "MinCapacity": 1, "MaxCapacity": 4}
    assert calls[1].request["PolicyName"] == "bmii-cpu"


def test_what_is_as_wanted_is_left_alone():
    foreign = {"PolicyName": "night", "StepScalingPolicyConfiguration": {}}
    assert methods({"MinCapacity": 1, "MaxCapacity": 4}, [policy(), foreign]) == []


def test_only_what_differs_is_changed():
    there = {"MinCapacity": 1, "MaxCapacity": 4}
    assert methods({**there, "MaxCapacity": 9}, [policy()]) == ["register_scalable_target"]
    assert methods(there, [policy(percent=50.0)]) == ["put_scaling_policy"]
    assert methods(there, [policy(), policy("memory")]) == ["delete_scaling_policy"]


@pytest.mark.parametrize(("running", "set_to"), [(None, 2), (3, 3), (9, 4), (0, 1)])
def test_a_release_keeps_the_number_that_autoscaling_chose(running, set_to):
    there = None if running is None else {"desiredCount": running}
    assert scaling.within(SERVICE, WANTED, there).desired_count == set_to
    assert scaling.within(SERVICE, None, there).desired_count == 2


@pytest.mark.parametrize("wanted", [Scaling(3, 2), Scaling(-1, 2), Scaling(0, 0)])
def test_numbers_that_make_no_sense_are_refused(wanted):
    with pytest.raises(ReleaseConfigurationError):
        scaling.check(wanted)


@pytest.fixture
def stubbed():
    clients = Clients()
    clients.scaling = boto3.client(
        "application-autoscaling",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with Stubber(clients.scaling) as stub:
        yield clients, stub
        stub.assert_no_pending_responses()


def test_the_calls_are_those_of_the_api(stubbed):
    clients, stub = stubbed
    asked = {"ServiceNamespace": "ecs", "ResourceIds": ["service/bmii/bmii"]}
    asked["ScalableDimension"] = SAME["ScalableDimension"]
    stub.add_response("describe_scalable_targets", {"ScalableTargets": []}, asked)
    memory = {**policy("memory"), **SAME, "PolicyARN": "arn:p", "PolicyType": "TargetTrackingScaling"}
    memory["CreationTime"] = 0
    stub.add_response("describe_scaling_policies", {"ScalingPolicies": [memory]}, SAME)
    steps = scaling.look(clients, WANTED, SERVICE)
    for call in steps.calls:
        answer = {"PolicyARN": "arn:p"} if call.method == "put_scaling_policy" else {}
        stub.add_response(call.method, answer, dict(call.request))
    scaling.apply(clients, steps)
    assert steps.text == "between 1 and 4 tasks"


def test_an_endpoint_without_it_is_said_and_a_refusal_is_an_error(stubbed):
    clients, stub = stubbed
    stub.add_client_error("describe_scalable_targets", "UnknownService")
    assert scaling.look(clients, WANTED, SERVICE) == Steps(text=scaling.NOT_OFFERED)
    stub.add_client_error("describe_scalable_targets", "AccessDeniedException")
    with pytest.raises(AwsError):
        scaling.look(clients, WANTED, SERVICE)


def test_what_is_not_asked_for_is_not_looked_at(stubbed):
    assert scaling.look(stubbed[0], None, SERVICE) == Steps()
