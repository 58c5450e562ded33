"""Two environments in one account that have the same names: neither touches what is the other's."""

from __future__ import annotations

import dataclasses
import json
import uuid

import boto3
import pytest

from engines import ledger, secrets, stack
from engines.ecs import plan
from engines.ecs.model import Current, Release, WantedService
from engines.errors import RefusedError
from engines.ledger import Store
from engines.ownership import objection, require_ours
from engines.preflight.model import Settings
from engines.preflight.prerequisites import account
from engines.preflight.prerequisites.clients import IMPATIENT

PRODUCTION, STAGING = {"Environment": "production"}, {"Environment": "staging"}
TEMPLATE = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}}}


@pytest.mark.parametrize(
    ("carried", "wanted", "adopt", "said"),
    [
        (PRODUCTION, STAGING, "", "belongs to the environment production, and this is staging"),
        (PRODUCTION, STAGING, "staging", "belongs to the environment production, and this is staging"),
        (STAGING, STAGING, "", ""),
        ({}, STAGING, "", "carries no tag Environment"),
        ({"Name": "bmii"}, STAGING, "production", "carries no tag Environment"),
        ({}, STAGING, "staging", ""),
        (PRODUCTION, {}, "", ""),
        ({}, {}, "", ""),
    ],
)
def test_the_tag_says_whose_it_is(carried: dict, wanted: dict, adopt: str, said: str) -> None:
    assert objection(carried, wanted, adopt).startswith(said)
    assert bool(objection(carried, wanted, adopt)) == bool(said)
    if said:
        with pytest.raises(RefusedError, match=f"stack bmii: {said}"):
            require_ours("stack bmii", carried, wanted, adopt)


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


@pytest.fixture
def nobodys(aws, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a stack, a state bucket, a parameter and a repository that carry no tag."""
    monkeypatch.setenv("OURS", "ours")
    name = f"nobodys-{uuid.uuid4().hex[:8]}"
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
    boto3.client("s3").create_bucket(Bucket=f"{name}-state")
    boto3.client("ssm").put_parameter(Name=f"/{name}/staging/key", Value="theirs", Type="SecureString")
    boto3.client("ecr").create_repository(repositoryName=name)
    return name


def test_nobodys_stack_is_taken_over_by_consent_alone(nobodys: str) -> None:
    deployed = stack.read(nobodys, "us-east-1")
    wanted = stack.Wanted(nobodys, "us-east-1", TEMPLATE, tags=STAGING)
    with pytest.raises(RefusedError, match=r"carries no tag .*platform_adopt=staging"):
        stack.make(wanted, deployed)
    taken = stack.make(dataclasses.replace(wanted, adopt="staging"), deployed)
    assert any("Environment" in line for line in taken.settings), "the plan does not show it"


def test_nobodys_state_bucket_is_taken_over_by_consent_unless_it_is_empty(nobodys: str) -> None:
    store = Store(f"{nobodys}-state")
    ledger.check_owner(store, STAGING, first=True)
    boto3.client("s3").put_object(Bucket=store.bucket, Key="theirs", Body=b"x")
    with pytest.raises(RefusedError, match="carries no tag Environment"):
        ledger.check_owner(store, STAGING, first=True)
    ledger.check_owner(store, STAGING, first=True, adopt="staging")
    ledger.make_bucket(store, "us-east-1", tags=STAGING, check_mode=False)
    ledger.check_owner(store, STAGING, first=True)


def test_nobodys_parameter_is_changed_by_consent_alone(nobodys: str) -> None:
    ours = secrets.wanted_from([{"name": f"/{nobodys}/staging/key", "value": "env:OURS"}])
    with pytest.raises(RefusedError, match="carries no tag Environment"):
        secrets.ensure(ours, tags=STAGING, check=True)
    assert secrets.ensure(ours, tags=STAGING, adopt="staging")["changed"]


def test_preflight_names_all_that_is_nobodys(nobodys: str, aws) -> None:
    boto3.client("s3").put_object(Bucket=f"{nobodys}-state", Key="theirs", Body=b"x")
    settings = Settings(
        target="emulator",
        name=nobodys,
        environment="staging",
        region="us-east-1",
        account_id=aws.account_id,
        state_bucket=f"{nobodys}-state",
        parameter_path=f"/{nobodys}/staging",
        secrets=[{"name": "key", "value": "env:OURS"}, {"name": "absent", "value": "env:OURS"}],
    )
    found = [str(one) for one in account.find(settings, {}, IMPATIENT)]
    subjects = ("stack", "image repository", "bucket", "parameter")
    assert [sum(f"the {one} " in line for line in found) for one in subjects] == [1, 1, 1, 1], found
    assert len(found) == len(subjects)
    adopted = dataclasses.replace(settings, adopt="staging")
    assert list(account.find(adopted, {}, IMPATIENT)) == []


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
