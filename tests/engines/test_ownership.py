"""Two environments in one account that have the same names: neither touches what is the other's."""

from __future__ import annotations

import dataclasses
import json
import uuid

import boto3
import pytest

from engines import ledger, stack
from engines.ecs import plan
from engines.ecs.model import Current, Release, WantedService
from engines.errors import RefusedError
from engines.ledger import Store
from engines.ownership import of_another, require_ours
from engines.preflight.model import Settings
from engines.preflight.prerequisites import account
from engines.preflight.prerequisites.clients import IMPATIENT

PRODUCTION, STAGING = {"Environment": "production"}, {"Environment": "staging"}
TEMPLATE = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}}}


@pytest.mark.parametrize(
    ("carried", "wanted", "theirs"),
    [
        (PRODUCTION, STAGING, "production"),
        (STAGING, STAGING, ""),
        ({}, STAGING, ""),
        (PRODUCTION, {}, ""),
    ],
)
def test_the_tag_says_whose_it_is(carried: dict, wanted: dict, theirs: str) -> None:
    assert of_another(carried, wanted) == theirs
    if theirs:
        with pytest.raises(
            RefusedError, match=r"stack bmii: belongs to the environment production, and this"
        ):
            require_ours("stack bmii", carried, wanted)


@pytest.fixture
def name(aws) -> str:
    """Return the name of a stack and a state bucket that production has."""
    name = f"shared-{uuid.uuid4().hex[:8]}"
    tags = [{"Key": key, "Value": value} for key, value in PRODUCTION.items()]
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE), Tags=tags)
    store = Store(f"{name}-state")
    ledger.make_bucket(store, "us-east-1", tags=PRODUCTION, check_mode=False)
    return name


def test_its_stack_is_not_taken_over(name: str) -> None:
    deployed = stack.read(name, "us-east-1")
    assert deployed is not None
    assert deployed.tags["Environment"] == "production"
    wanted = stack.Wanted(name, "us-east-1", TEMPLATE, tags=STAGING)
    with pytest.raises(RefusedError, match=f"stack {name}: belongs to the environment production"):
        stack.make(wanted, deployed)
    stack.make(dataclasses.replace(wanted, tags=PRODUCTION), deployed)


def test_its_ledger_is_not_written_to(name: str) -> None:
    store = Store(f"{name}-state")
    with pytest.raises(
        RefusedError, match=f"state bucket {name}-state: belongs to the environment production"
    ):
        ledger.check_owner(store, STAGING, first=True)
    ledger.check_owner(store, PRODUCTION, first=True)
    ledger.check_owner(Store("nobody-has-it"), STAGING, first=True)


def test_its_service_is_not_released_to() -> None:
    running = {
        "status": "ACTIVE",
        "serviceName": "bmii",
        "tags": [{"key": "Environment", "value": "production"}],
    }
    release = Release(
        "bmii", f"repository@sha256:{'0' * 64}", 8000, 256, 512, "role", "role", "logs", "us-east-1"
    )
    service = WantedService("bmii", "bmii", [], [], tags=STAGING)
    with pytest.raises(RefusedError, match="service bmii: belongs to the environment production"):
        plan.make(release, service, Current(service=running))


def test_preflight_names_both_before_anything_is_touched(name: str, aws) -> None:
    settings = Settings(
        target="emulator",
        name=name,
        environment="staging",
        region="us-east-1",
        account_id=aws.account_id,
        state_bucket=f"{name}-state",
    )
    found = [str(one) for one in account.find(settings, {}, IMPATIENT)]
    assert sum("belongs to the environment production, and this is staging" in one for one in found) == 2, (
        found
    )
    ours = dataclasses.replace(settings, environment="production")
    assert list(account.find(ours, {}, IMPATIENT)) == []
