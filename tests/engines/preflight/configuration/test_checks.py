"""A good configuration passes; each fault, one at a time, gives a message that names its variable."""

import dataclasses

import pytest

from engines.preflight.configuration import checks
from engines.preflight.errors import ConfigurationWrongError
from engines.preflight.model import Finding, Settings

CANARY = "canary-7b1e"

LOCAL = Settings(
    target="emulator",
    name="bmii",
    region="us-east-1",
    account_id="000000000000",
    parameter_path="/bmii/local",
    source_database=f"postgresql://postgres:{CANARY}@127.0.0.1:15432/bio_bind_rank",
    source_store={
        "endpoint": "http://127.0.0.1:19000",
        "access_key": "minioadmin",
        "secret_key": CANARY,
        "region": "us-east-1",
    },
    source_buckets=["raw", "features"],
    target_buckets=["bmii-raw", "bmii-features"],
    endpoints=[{"variable": "platform_source_url", "url": "http://localhost:18000"}],
    state_bucket="bmii-state",
    vpc_cidr="10.20.0.0/16",
    egress="endpoints",
    container_builder="oci",
    cpu=1024,
    memory=2048,
    log_retention_days=30,
    database={
        "name": "bio_bind_rank",
        "user": "bmii_admin",
        "application_user": "bmii_app",
        "instance_identifier": "bmii-postgres",
    },
    secrets=[
        {"name": "db_password", "value": "postgres"},
        {"name": "app_db_password", "generate": {"length": 40}},
        {"name": "API_KEY", "generate": {"length": 40}},
    ],
    minimum_free_mib=1,
)
EMULATED = {"AWS_ENDPOINT_URL": "http://127.0.0.1:14566"}

PRODUCTION = dataclasses.replace(
    LOCAL,
    target="aws",
    account_id="123456789012",
    region="eu-central-1",
    parameter_path="/bmii/production",
    source_database="env:SOURCE_DATABASE",
    source_store={**LOCAL.source_store, "endpoint": "https://store.example.org"},
    endpoints=[{"variable": "platform_source_url", "url": "https://old.example.org"}],
    certificate_arn="arn:aws:acm:eu-central-1:123456789012:certificate/0a-1b",
    container_builder="docker",
    database={
        **LOCAL.database,
        "instance_class": "db.t4g.medium",
        "allocated_storage": 50,
        "engine_version": "15.17",
        "backup_retention_days": 7,
    },
    secrets=[
        {"name": "db_password", "generate": {"length": 40}},
        {"name": "app_db_password", "generate": {"length": 40}},
        {"name": "API_KEY", "value": "env:BMII_API_KEY"},
    ],
)


@pytest.mark.parametrize(("settings", "environment"), [(LOCAL, EMULATED), (PRODUCTION, {})])
def test_a_good_configuration_passes(settings, environment):
    assert checks.find(settings, environment, {}) == []


def _store(**changes):
    return {"source_store": {**LOCAL.source_store, **changes}}


def _database(**changes):
    return {"database": {**PRODUCTION.database, **changes}}


def _secret(name, **way):
    others = [one for one in PRODUCTION.secrets if one["name"] != name]
    return {"secrets": [*others, {"name": name, **way}]}


def _without(name: str) -> list[dict[str, object]]:
    return [one for one in PRODUCTION.secrets or [] if one["name"] != name]


BAD_ANYWHERE = [
    ({"name": "Bmii"}, "preflight_name"),
    ({"name": "bmii-"}, "preflight_name"),
    ({"name": "internal-bmii"}, "preflight_name"),
    ({"name": "b" * 33}, "preflight_name"),
    ({"name": ""}, "preflight_name"),
    ({"account_id": "12345"}, "preflight_account_id"),
    ({"region": "frankfurt"}, "preflight_region"),
    ({"region": ""}, "preflight_region"),
    ({"region": "eu-central-9"}, "preflight_region"),
    ({"parameter_path": "/bmii/"}, "preflight_parameter_path"),
    ({"parameter_path": "bmii"}, "preflight_parameter_path"),
    ({"parameter_path": "/aws/bmii"}, "preflight_parameter_path"),
    ({"source_database": ""}, "preflight_source_database"),
    ({"source_database": f"mysql://u:{CANARY}@127.0.0.1/db"}, "preflight_source_database"),
    ({"source_database": f"postgresql://u:{CANARY}@127.0.0.1:5432"}, "preflight_source_database"),
    (_store(endpoint="127.0.0.1:9000"), "preflight_source_store.endpoint"),
    (_store(endpoint=""), "preflight_source_store.endpoint"),
    (_store(endpoint="http://127.0.0.1:90000"), "preflight_source_store.endpoint"),
    (_store(access_key=""), "preflight_source_store.access_key"),
    (_store(secret_key=""), "preflight_source_store.secret_key"),
    (_store(region=""), "preflight_source_store.region"),
    ({"source_buckets": [], "target_buckets": []}, "preflight_source_buckets"),
    ({"source_buckets": ["raw", "raw"]}, "preflight_source_buckets"),
    ({"source_buckets": ["raw", ""]}, "preflight_source_buckets"),
    ({"target_buckets": ["bmii-raw"]}, "preflight_target_buckets"),
    ({"target_buckets": ["bmii-raw", "bmii-raw"]}, "preflight_target_buckets"),
    ({"target_buckets": ["bmii-raw", "Bmii_Features"]}, "preflight_target_buckets"),
    ({"target_buckets": ["bmii-raw", "ab"]}, "preflight_target_buckets"),
    ({"target_buckets": ["bmii-raw", "x" * 64]}, "preflight_target_buckets"),
    ({"target_buckets": ["bmii-raw", "bmii-s3alias"]}, "preflight_target_buckets"),
    ({"state_bucket": "Bmii-State"}, "preflight_state_bucket"),
    ({"state_bucket": "bmii-raw"}, "preflight_state_bucket"),
    ({"access_logs_bucket": "bmii-state"}, "preflight_access_logs_bucket"),
    ({"access_logs_bucket": "Logs"}, "preflight_access_logs_bucket"),
    ({"access_logs_days": 0}, "preflight_access_logs_days"),
    ({"alarm_email": "ops"}, "preflight_alarm_email"),
    ({"endpoints": [{"variable": "platform_source_url", "url": ""}]}, "platform_source_url"),
    ({"endpoints": [{"variable": "platform_source_url", "url": "http://h:port"}]}, "platform_source_url"),
    (
        {"endpoints": [{"variable": "platform_source_url", "url": f"http://u:{CANARY}@127.0.0.1"}]},
        "platform_source_url",
    ),
    ({"vpc_cidr": "10.20.0.1/16"}, "preflight_vpc_cidr"),
    ({"vpc_cidr": "10.20.0.0/24"}, "preflight_vpc_cidr"),
    ({"vpc_cidr": "8.8.0.0/16"}, "preflight_vpc_cidr"),
    ({"vpc_cidr": "private"}, "preflight_vpc_cidr"),
    ({"operator_cidr": "0.0.0.0/0"}, "preflight_operator_cidr"),
    ({"operator_cidr": "vpn"}, "preflight_operator_cidr"),
    ({"operator_cidr": "10.20.128.0/17"}, "preflight_vpc_cidr"),
    ({"connected_cidrs": ["172.16.0.0/16", "10.0.0.0/8"]}, "preflight_vpc_cidr"),
    ({"connected_cidrs": ["vpn"]}, "preflight_connected_cidrs"),
    ({"egress": "proxy"}, "preflight_egress"),
    ({"certificate_arn": "bmii.example.org"}, "preflight_certificate_arn"),
    ({"cpu": 512}, "preflight_cpu"),
    ({"cpu": 1500}, "preflight_cpu"),
    ({"memory": 2500}, "preflight_memory"),
    ({"memory": 16384}, "preflight_memory"),
    ({"desired_count": -1}, "preflight_desired_count"),
    ({"container_builder": "podman"}, "preflight_container_builder"),
    ({"log_retention_days": 31}, "preflight_log_retention_days"),
    (_database(name=""), "preflight_database.name"),
    (_database(instance_identifier=None), "preflight_database.instance_identifier"),
    (_database(name="bio-bind"), "preflight_database.name"),
    (_database(user="admin"), "preflight_database.user"),
    (_database(application_user="pg_app"), "preflight_database.application_user"),
    (_database(application_user="bmii_admin"), "preflight_database.application_user"),
    (_database(instance_identifier="bmii--postgres"), "preflight_database.instance_identifier"),
    (_database(instance_class="t4g.medium"), "preflight_database.instance_class"),
    (_database(allocated_storage=5), "preflight_database.allocated_storage"),
    (_database(max_allocated_storage=49), "preflight_database.max_allocated_storage"),
    (_database(max_allocated_storage=10), "preflight_database.max_allocated_storage"),
    (_database(engine_version="15"), "preflight_database.engine_version"),
    (_database(backup_retention_days=36), "preflight_database.backup_retention_days"),
    ({"secrets": _without("db_password")}, "preflight_secrets"),
    ({"secrets": _without("app_db_password")}, "preflight_secrets"),
    (_secret("db_password", value=f"{CANARY}/with@both"), "preflight_secrets.db_password"),
    (_secret("db_password", value="a" * 129), "preflight_secrets.db_password"),
    (_secret("API_KEY", generate={"length": 8}), "preflight_secrets.API_KEY"),
    (_secret("app_db_password", generate={"length": 200}), "preflight_secrets.app_db_password"),
    (_secret("API_KEY", value="env:KEY", generate={"length": 40}), "preflight_secrets.API_KEY"),
    (_secret("API_KEY", type="String", value="env:KEY"), "preflight_secrets.API_KEY"),
    ({"minimum_free_mib": -1}, "preflight_minimum_free_mib"),
]

BAD_IN_PRODUCTION = [
    ({"account_id": ""}, "preflight_account_id"),
    (
        {"certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0a"},
        "preflight_certificate_arn",
    ),
    (
        {"certificate_arn": "arn:aws:acm:eu-central-1:210987654321:certificate/0a"},
        "preflight_certificate_arn",
    ),
    (_database(backup_retention_days=0), "preflight_database.backup_retention_days"),
    (_secret("API_KEY", value="minioadmin"), "preflight_secrets.API_KEY"),
    (_secret("API_KEY", value="canary-7b1e"), "preflight_secrets.API_KEY"),
]


@pytest.mark.parametrize(
    ("settings", "environment", "fault", "variable"),
    [
        *((LOCAL, EMULATED, *case) for case in BAD_ANYWHERE),
        *((PRODUCTION, {}, *case) for case in BAD_ANYWHERE),
        *((PRODUCTION, {}, *case) for case in BAD_IN_PRODUCTION),
    ],
)
def test_each_fault_is_told_by_its_variable_and_without_a_secret(settings, environment, fault, variable):
    findings = checks.find(dataclasses.replace(settings, **fault), environment, {})

    assert [finding.variable for finding in findings] == [variable]
    assert findings[0].remedy
    assert CANARY not in str(findings[0])


@pytest.mark.parametrize("target", ["", "prod"])
def test_without_a_target_nothing_else_is_checked(target):
    findings = checks.find(dataclasses.replace(PRODUCTION, target=target, cpu=1), {}, {})

    assert [finding.variable for finding in findings] == ["preflight_target"]


def test_what_was_left_out_for_its_type_is_not_told_as_missing():
    misshapen = [
        Finding("preflight_cpu", "is a text", "Write digits."),
        Finding("preflight_database.name", "x", "y"),
    ]
    left_out = dataclasses.replace(PRODUCTION, cpu=0, database={**PRODUCTION.database, "name": None}, name="")

    with pytest.raises(ConfigurationWrongError) as caught:
        checks.check(left_out, {}, {}, misshapen)

    assert [one["variable"] for one in caught.value.details] == [
        "preflight_cpu",
        "preflight_database.name",
        "preflight_name",
    ]


def test_everything_is_told_at_once_under_the_inventorys_names():
    wrong = dataclasses.replace(LOCAL, name="", cpu=1, vpc_cidr="x", **_database(engine_version="15"))
    names = {
        "preflight_vpc_cidr": "platform_vpc_cidr",
        "preflight_database": "provision_database",
        "preflight_cpu": "platform_cpu",
    }

    with pytest.raises(ConfigurationWrongError) as caught:
        checks.check(wrong, EMULATED, names)

    lines = str(caught.value).splitlines()
    assert lines[0] == "The configuration is wrong. Nothing has been touched."
    assert [line.split(":")[0] for line in lines[1:]] == [
        "- preflight_name",
        "- provision_database.engine_version",
        "- platform_vpc_cidr",
        "- platform_cpu",
    ]
    assert [one["variable"] for one in caught.value.details][1] == "provision_database.engine_version"


def test_what_is_not_given_and_not_needed_is_not_checked():
    sparse = dataclasses.replace(LOCAL, database={}, secrets=None, log_retention_days=None, egress="")

    assert checks.find(sparse, EMULATED, {}) == []
