"""A good configuration passes; each fault, one at a time, gives a message that names its variable."""

import dataclasses
from pathlib import Path

import pytest

from engines.preflight import model
from engines.preflight.configuration import checks
from engines.preflight.errors import ConfigurationWrongError
from engines.preflight.model import Settings
from engines.preflight.variables import Configuration, described, missing

CANARY = "canary-7b1e"
ALL = described(Path(__file__).parents[4] / "roles")
# What is needed beyond what a test gives is a test of its own.
DESCRIPTIONS = {
    name: dataclasses.replace(one, option={**one.option, "required": False}) for name, one in ALL.items()
}

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
    entrypoint=["python3"],
    request_headers={"X-API-Key": "ssm:/bmii/local/API_KEY"},
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
KEYS = dict.fromkeys(("BMII_API_KEY", "KEY"), "k" * 40)
EMULATED = {"AWS_ENDPOINT_URL": "http://127.0.0.1:14566", **KEYS}

PRODUCTION = dataclasses.replace(
    LOCAL,
    target="aws",
    account_id="123456789012",
    region="eu-central-1",
    parameter_path="/bmii/production",
    request_headers={"X-API-Key": "ssm:/bmii/production/API_KEY"},
    service_secrets={"API_KEY": "/bmii/production/API_KEY", "DSN": "/bmii/production/APP_DATABASE_URL"},
    source_database="env:SOURCE_DATABASE",
    source_store={**LOCAL.source_store, "endpoint": "https://store.example.org"},
    endpoints=[{"variable": "platform_source_url", "url": "https://old.example.org"}],
    certificate_arn="arn:aws:acm:eu-central-1:123456789012:certificate/0a-1b",
    domain="bmii.example.org",
    hosted_zone="example.org",
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


@pytest.mark.parametrize(("settings", "environment"), [(LOCAL, EMULATED), (PRODUCTION, KEYS)])
def test_a_good_configuration_passes(settings, environment):
    assert checks.find(settings, environment, {}) == []


def test_one_bucket_may_be_named_by_entries_whose_prefixes_are_apart():
    shared = dataclasses.replace(
        LOCAL,
        bucket_names=["raw", "features"],
        source_buckets=["all", "all"],
        target_buckets=["bmii-all", "bmii-all"],
        prefixes=[("raw/", "raw/"), ("features/", "features/")],
    )

    assert checks.find(shared, EMULATED, {}) == []
    assert checks.find(dataclasses.replace(LOCAL, source_buckets=[], target_buckets=[]), EMULATED, {}) == []


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
    ({"name": "Bmii"}, "platform_name"),
    ({"name": "bmii-"}, "platform_name"),
    ({"name": "internal-bmii"}, "platform_name"),
    ({"name": "b" * 33}, "platform_name"),
    ({"name": ""}, "platform_name"),
    ({"account_id": "12345"}, "platform_account_id"),
    ({"region": "frankfurt"}, "platform_region"),
    ({"region": ""}, "platform_region"),
    ({"region": "eu-central-9"}, "platform_region"),
    ({"parameter_path": "/bmii/"}, "platform_parameter_path"),
    ({"parameter_path": "bmii"}, "platform_parameter_path"),
    ({"parameter_path": "/aws/bmii"}, "platform_parameter_path"),
    ({"source_database": ""}, "platform_source_database"),
    ({"source_database": f"mysql://u:{CANARY}@127.0.0.1/db"}, "platform_source_database"),
    ({"source_database": f"postgresql://u:{CANARY}@127.0.0.1:5432"}, "platform_source_database"),
    (_store(endpoint="127.0.0.1:9000"), "platform_source_store.endpoint"),
    (_store(endpoint=""), "platform_source_store.endpoint"),
    (_store(endpoint="http://127.0.0.1:90000"), "platform_source_store.endpoint"),
    (_store(access_key=""), "platform_source_store.access_key"),
    (_store(secret_key=""), "platform_source_store.secret_key"),
    (_store(region=""), "platform_source_store.region"),
    ({"source_buckets": ["raw", "raw"]}, "platform_buckets"),
    ({"bucket_names": ["raw", "raw"]}, "platform_buckets"),
    (
        {"target_buckets": ["B-raw", "B-features"], "prefixed_buckets": ["B-raw", "B-features"]},
        "platform_bucket_prefix",
    ),
    ({"source_buckets": ["raw", "raw"], "prefixes": [("a/", ""), ("a/b", "")]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "bmii-raw"], "prefixes": [("", ""), ("", "b/")]}, "platform_buckets"),
    ({"bucket_names": ["access-logs", "b"]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "bmii-raw"]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "Bmii_Features"]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "ab"]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "x" * 64]}, "platform_buckets"),
    ({"target_buckets": ["bmii-raw", "bmii-s3alias"]}, "platform_buckets"),
    ({"state_bucket": "Bmii-State"}, "platform_state_bucket"),
    ({"state_bucket": "bmii-raw"}, "platform_state_bucket"),
    ({"access_logs_bucket": "bmii-state"}, "platform_access_logs_bucket"),
    ({"access_logs_bucket": "Logs"}, "platform_access_logs_bucket"),
    ({"access_logs_days": 0}, "provision_access_logs_days"),
    ({"alarm_email": "ops"}, "provision_alarm_email"),
    ({"endpoints": [{"variable": "platform_source_url", "url": ""}]}, "platform_source_url"),
    ({"endpoints": [{"variable": "platform_source_url", "url": "http://h:port"}]}, "platform_source_url"),
    (
        {"endpoints": [{"variable": "platform_source_url", "url": f"http://u:{CANARY}@127.0.0.1"}]},
        "platform_source_url",
    ),
    ({"vpc_cidr": "10.20.0.1/16"}, "platform_vpc_cidr"),
    ({"vpc_cidr": "10.20.0.0/24"}, "platform_vpc_cidr"),
    ({"vpc_cidr": "8.8.0.0/16"}, "platform_vpc_cidr"),
    ({"vpc_cidr": "private"}, "platform_vpc_cidr"),
    ({"operator_cidr": "0.0.0.0/0"}, "provision_operator_cidr"),
    ({"operator_cidr": "vpn"}, "provision_operator_cidr"),
    ({"database_access": "relay", "operator_cidr": ""}, "provision_operator_cidr"),
    ({"connected_cidrs": ["172.16.0.0/16", "10.0.0.0/8"]}, "platform_vpc_cidr"),
    ({"connected_cidrs": ["vpn"]}, "platform_connected_cidrs"),
    ({"egress": "proxy"}, "provision_egress"),
    ({"certificate_arn": "bmii.example.org"}, "provision_certificate_arn"),
    ({"cpu": 512, "memory": 512}, "platform_memory"),
    ({"cpu": 1500}, "platform_cpu"),
    ({"memory": 2500}, "platform_memory"),
    ({"memory": 16384}, "platform_memory"),
    ({"desired_count": -1}, "platform_desired_count"),
    ({"container_builder": "podman"}, "platform_container_builder"),
    ({"log_retention_days": 31}, "provision_log_retention_days"),
    (_database(name=""), "provision_database.name"),
    (_database(instance_identifier=None), "provision_database.instance_identifier"),
    (_database(name="bio-bind"), "provision_database.name"),
    (_database(user="admin"), "provision_database.user"),
    (_database(application_user="pg_app"), "provision_database.application_user"),
    (_database(application_user="bmii_admin"), "provision_database.application_user"),
    (_database(instance_identifier="bmii--postgres"), "provision_database.instance_identifier"),
    (_database(instance_class="t4g.medium"), "provision_database.instance_class"),
    (_database(allocated_storage=5), "provision_database.allocated_storage"),
    (_database(max_allocated_storage=49), "provision_database.max_allocated_storage"),
    (_database(max_allocated_storage=10), "provision_database.max_allocated_storage"),
    (_database(engine_version="15"), "provision_database.engine_version"),
    (_database(backup_retention_days=36), "provision_database.backup_retention_days"),
    ({"secrets": _without("db_password")}, "provision_secrets"),
    ({"secrets": _without("app_db_password")}, "provision_secrets"),
    (_secret("db_password", value=f"{CANARY}/with@both"), "provision_secrets.db_password"),
    (_secret("db_password", value="a" * 129), "provision_secrets.db_password"),
    (_secret("API_KEY", generate={"length": 8}), "provision_secrets.API_KEY"),
    (_secret("app_db_password", generate={"length": 200}), "provision_secrets.app_db_password"),
    (_secret("API_KEY", value="env:KEY", generate={"length": 40}), "provision_secrets.API_KEY"),
    (_secret("API_KEY", type="String", value="env:KEY"), "provision_secrets.API_KEY"),
    ({"application_role": "app"}, "database_application_address"),
    (
        {"service_secrets": {"TOKEN": "/bmii/production/TOKEN"}, "parameter_path": "/bmii/production"},
        "deploy_secrets.TOKEN",
    ),
    ({"minimum_free_mib": -1}, "preflight_minimum_free_mib"),
]

BAD_IN_A_REHEARSAL = [
    ({"entrypoint": ()}, "container_entrypoint"),
    ({"entrypoint": ["node", "shop.js"]}, "container_entrypoint"),
    ({"workers": [{"name": "mailer", "entrypoint": ["node", "work.js"]}]}, "platform_workers"),
]

BAD_IN_PRODUCTION = [
    # Its image holds no interpreter.
    ({"container_builder": "oci"}, "platform_container_builder"),
    ({"account_id": ""}, "platform_account_id"),
    (
        {"certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0a"},
        "provision_certificate_arn",
    ),
    (
        {"certificate_arn": "arn:aws:acm:eu-central-1:210987654321:certificate/0a"},
        "provision_certificate_arn",
    ),
    ({"domain": ""}, "platform_domain"),
    ({"hosted_zone": "example.com"}, "platform_hosted_zone"),
    (_database(backup_retention_days=0), "provision_database.backup_retention_days"),
    (_secret("API_KEY", value="minioadmin"), "provision_secrets.API_KEY"),
    (_secret("API_KEY", value="canary-7b1e"), "provision_secrets.API_KEY"),
]


@pytest.mark.parametrize(
    ("settings", "environment", "fault", "variable"),
    [
        *((LOCAL, EMULATED, *case) for case in BAD_ANYWHERE),
        *((LOCAL, EMULATED, *case) for case in BAD_IN_A_REHEARSAL),
        *((PRODUCTION, KEYS, *case) for case in BAD_ANYWHERE),
        *((PRODUCTION, KEYS, *case) for case in BAD_IN_PRODUCTION),
    ],
)
def test_each_fault_is_reported_by_its_variable_and_without_a_secret(settings, environment, fault, variable):
    findings = checks.find(dataclasses.replace(settings, **fault), environment, {})

    assert [finding.variable for finding in findings] == [variable]
    assert findings[0].remedy
    assert CANARY not in str(findings[0])


@pytest.mark.parametrize("target", ["", "prod"])
def test_without_a_target_nothing_else_is_checked(target):
    findings = checks.find(dataclasses.replace(PRODUCTION, target=target, cpu=1), KEYS, {})

    assert [finding.variable for finding in findings] == ["platform_target"]


def _values(settings):
    """Return the variables that make ``settings``."""
    values = {variable: getattr(settings, one) for one, variable in model._VARIABLES.items()}
    buckets = zip(settings.source_buckets, settings.target_buckets, strict=True)
    return {
        **{name: value for name, value in values.items() if value not in (None, "", ())},
        "platform_buckets": [{"name": one, "source": one, "target": target} for one, target in buckets],
        "platform_source_url": settings.endpoints[0]["url"],
    }


def _refused(settings, made_from=None, unreadable=None, **values):
    configuration = Configuration({**_values(settings), **values}, unreadable or {}, made_from or {})
    with pytest.raises(ConfigurationWrongError) as caught:
        checks.check(configuration, DESCRIPTIONS, EMULATED, "")
    lines = str(caught.value).splitlines()
    assert lines[0] == "The configuration is wrong. Nothing has been touched."
    assert [line.split(":")[0][2:] for line in lines[1:]] == [one["variable"] for one in caught.value.details]
    return [one["variable"] for one in caught.value.details]


def test_good_variables_pass():
    checks.check(Configuration(_values(LOCAL)), DESCRIPTIONS, EMULATED, "")


def test_what_has_the_wrong_type_is_not_reported_as_missing():
    wrong = {**LOCAL.database, "name": [1]}

    assert _refused(LOCAL, platform_cpu="lots", provision_database=wrong, platform_name="") == [
        "platform_cpu",
        "provision_database.name",
        "platform_name",
    ]


def test_everything_is_reported_at_once():
    wrong = dataclasses.replace(LOCAL, name="", cpu=1, vpc_cidr="x", **_database(engine_version="15"))

    assert _refused(wrong, unreadable={"platform_tags": "'nobody' is undefined"}, database_jobs=0) == [
        "platform_tags",
        "database_jobs",
        "platform_name",
        "provision_database.engine_version",
        "platform_vpc_cidr",
        "platform_cpu",
    ]


@pytest.mark.parametrize("value", ["", "k" * 39 + "é"])
def test_a_secret_in_the_environment_is_judged_as_a_given_one(value):
    environment = {**EMULATED, "BMII_API_KEY": value}

    (finding,) = checks.find(PRODUCTION, {"BMII_API_KEY": value}, {})

    assert finding.variable == "provision_secrets.API_KEY"
    assert not value or value not in str(finding)
    assert checks.find(LOCAL, environment, {}) == []


def test_what_is_made_from_a_wrong_value_is_not_reported_again():
    made_from = {"platform_state_bucket": ["platform_name"], "deploy_cpu": ["platform_cpu"]}
    wrong = {"platform_name": "B_", "platform_state_bucket": "B_-state", "deploy_cpu": 1, "platform_cpu": 1}

    assert _refused(LOCAL, made_from, **wrong) == ["platform_name", "platform_cpu"]
    assert _refused(LOCAL, made_from, **{**wrong, "platform_cpu": 1024}) == ["deploy_cpu", "platform_name"]


def test_what_is_needed_and_not_set_is_named():
    def names(target):
        configuration = Configuration(
            {"platform_target": target, "platform_name": "shop"}, {"platform_cpu": "no"}
        )
        return {one.variable for one in missing(ALL, configuration)}

    needed = names("aws")

    assert {
        "platform_base_name",
        "platform_buckets",
        "container_packages",
        "provision_parameter_path",
    } <= needed
    assert not {"platform_name", "platform_cpu", "platform_aws_profile"} & needed
    assert names("emulator") - needed == {"local_stack_buckets", "local_stack_database"}


def test_what_is_not_given_and_not_needed_is_not_checked():
    sparse = dataclasses.replace(LOCAL, database={}, secrets=None, log_retention_days=None, egress="")

    assert checks.find(sparse, EMULATED, {}) == []
