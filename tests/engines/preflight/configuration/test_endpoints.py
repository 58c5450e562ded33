"""The guard on addresses: the rehearsal stays on this machine, a real migration uses AWS's own endpoints."""

import pytest

from engines.preflight.configuration import endpoints
from engines.preflight.model import Settings

EMULATED = {"AWS_ENDPOINT_URL": "http://127.0.0.1:14566"}
# Addresses of a range that is reserved for documentation: nothing is resolved or reached.
OUTSIDE = "203.0.113.7"


def _variables(settings, environment=EMULATED, profile=None):
    return [finding.variable for finding in endpoints.find(settings, environment, profile or {})]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "127.0.0.1:25432", "http://127.8.8.8"],
)
def test_the_rehearsal_may_use_this_machine(url):
    settings = Settings(target="emulator", endpoints=[{"variable": "v", "url": url}])

    assert _variables(settings) == []


@pytest.mark.parametrize(
    "url", [f"http://{OUTSIDE}:9000", f"{OUTSIDE}:5432", "http://0.0.0.0:1", "http://", "http://[bad"]
)
def test_the_rehearsal_may_use_no_other_address(url):
    settings = Settings(target="emulator", endpoints=[{"variable": "platform_source_url", "url": url}])

    assert _variables(settings) == ["platform_source_url"]


def test_the_rehearsals_source_must_be_on_this_machine():
    settings = Settings(
        target="emulator",
        source_database=f"postgresql+psycopg2://u:p@127.0.0.1,{OUTSIDE}/db",
        source_store={"endpoint": f"http://{OUTSIDE}:9000"},
    )

    assert _variables(settings) == ["platform_source_store.endpoint", "platform_source_database"]


@pytest.mark.parametrize(
    "source", ["postgresql:///db", "postgresql:///db?host=/run/postgresql", "ssm:/a/URL"]
)
def test_a_socket_is_on_this_machine_and_a_reference_is_judged_when_it_is_resolved(source):
    assert _variables(Settings(target="emulator", source_database=source)) == []


@pytest.mark.parametrize(
    ("environment", "profile", "variables"),
    [
        ({}, {}, ["AWS_ENDPOINT_URL"]),
        ({"AWS_ENDPOINT_URL": f"http://{OUTSIDE}"}, {}, ["AWS_ENDPOINT_URL"]),
        (EMULATED | {"AWS_ENDPOINT_URL_S3": f"http://{OUTSIDE}"}, {}, ["AWS_ENDPOINT_URL_S3"]),
        (
            EMULATED | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            {},
            ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
        ),
        (EMULATED, {"s3": {"endpoint_url": f"http://{OUTSIDE}"}}, ["s3.endpoint_url of the AWS profile"]),
    ],
)
def test_the_rehearsal_must_not_reach_a_real_account(environment, profile, variables):
    assert _variables(Settings(target="emulator"), environment, profile) == variables


@pytest.mark.parametrize(
    ("environment", "profile", "variables"),
    [
        ({}, {}, []),
        (EMULATED, {}, ["AWS_ENDPOINT_URL"]),
        ({"AWS_ENDPOINT_URL_ECR": "http://127.0.0.1"}, {}, ["AWS_ENDPOINT_URL_ECR"]),
        ({}, {"endpoint_url": "http://127.0.0.1"}, ["endpoint_url of the AWS profile"]),
        ({}, {"s3": {"endpoint_url": "http://127.0.0.1"}}, ["s3.endpoint_url of the AWS profile"]),
    ],
)
def test_production_refuses_endpoints_of_its_own(environment, profile, variables):
    settings = Settings(target="aws", endpoints=[{"variable": "v", "url": f"http://{OUTSIDE}"}])

    assert _variables(settings, environment, profile) == variables
