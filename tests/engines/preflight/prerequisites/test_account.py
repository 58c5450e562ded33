"""The account is asked before it is touched: whose credentials, which region, and whether there is room."""

import dataclasses
import functools
import json
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import botocore.endpoint
import botocore.session
import pytest
from botocore.config import Config

from engines.preflight.model import Settings
from engines.preflight.prerequisites import account
from engines.preflight.prerequisites.clients import IMPATIENT
from tests.engines.preflight.fake_aws import (
    ACCOUNT,
    FakeAws,
    as_json,
    failure,
    hosted_zones,
    items,
    quota,
    result,
)

PATIENT = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1})
PRODUCTION = Settings(
    target="aws",
    name="bmii",
    region="eu-south-1",
    account_id=ACCOUNT,
    target_buckets=["bmii-raw", "bmii-features"],
    state_bucket="bmii-state",
    certificate_arn=f"arn:aws:acm:eu-south-1:{ACCOUNT}:certificate/0a",
    domain="bmii.example.org",
    hosted_zone="example.org",
    egress="nat",
    cpu=1024,
    database={
        "instance_class": "db.t4g.medium",
        "engine_version": "15.17",
        "instance_identifier": "bmii-postgres",
    },
)
OURS = "<tagSet><item><key>aws:cloudformation:stack-name</key><value>bmii</value></item></tagSet>"


@pytest.fixture(scope="module", autouse=True)
def _models():
    """Read botocore's descriptions of services once: a session reads them anew, in half a second for EC2."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(botocore.session.create_loader)
        patch.setattr(botocore.session, "create_loader", once)
        yield


@pytest.fixture
def fake(servers, monkeypatch, tmp_path):
    server = FakeAws()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-south-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.fixture
def profile(fake, monkeypatch, tmp_path):
    """Return a function that makes a profile of this text the chosen one, with no keys in the environment."""

    def choose(text):
        (tmp_path / "config").write_text(f"[profile chosen]\n{text}", encoding="utf-8")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_PROFILE", "chosen")

    return choose


class Once(dict):
    """Answers of which some are given once, before the usual ones."""

    def __init__(self, usual, **first):
        super().__init__(usual)
        self.first = first

    def __getitem__(self, operation):
        return self.first.pop(operation, None) or super().__getitem__(operation)


def _find(settings=PRODUCTION):
    facts = {}
    return list(account.find(settings, facts, PATIENT)), facts


def test_an_account_with_room_passes_and_everything_is_asked(fake):
    findings, facts = _find()

    assert findings == []
    assert (facts["account_id"], facts["not_asked"]) == (ACCOUNT, [])
    assert set(fake.answers) - set(fake.asked) == {"GetAWSDefaultServiceQuota"}


@pytest.mark.parametrize(
    ("operation", "answer", "variable", "said"),
    [
        ("HEAD", (403, ""), "platform_buckets", "'bmii-raw' belongs to another account"),
        (
            "DescribeCertificate",
            as_json(Certificate={"Status": "PENDING_VALIDATION", "DomainName": "bmii.example.org"}),
            "provision_certificate_arn",
            "PENDING_VALIDATION",
        ),
        (
            "DescribeCertificate",
            as_json(Certificate={"Status": "ISSUED", "DomainName": "other.example.org"}),
            "provision_certificate_arn",
            "is for other.example.org, not for bmii.example.org",
        ),
        (
            "DescribeCertificate",
            as_json(Certificate={"Status": "ISSUED", "DomainName": "*.example.org", "NotAfter": 1}),
            "provision_certificate_arn",
            "has expired on 1970-01-01",
        ),
        ("ListHostedZonesByName", hosted_zones(), "platform_hosted_zone", "is not in this account"),
        (
            "DescribeCertificate",
            as_json(400, __type="ResourceNotFoundException", message="none"),
            "provision_certificate_arn",
            "no such certificate",
        ),
        (
            "DescribeOrderableDBInstanceOptions",
            result("DescribeOrderableDBInstanceOptions", "<OrderableDBInstanceOptions/>"),
            "provision_database.instance_class",
            "db.t4g.medium is not offered for PostgreSQL 15.17 in eu-south-1",
        ),
        (
            "DescribeVpcs",
            items("DescribeVpcs", "vpcSet", *["<vpcId>vpc-1</vpcId>"] * 20),
            "AWS quota",
            "20 of 20 VPCs, and 1 more are needed",
        ),
        (
            "DescribeAddresses",
            items("DescribeAddresses", "addressesSet", *["<publicIp>192.0.2.1</publicIp>"] * 20),
            "AWS quota",
            "20 of 20 Elastic IP addresses",
        ),
        ("GetServiceQuota", quota(0), "AWS quota", "0 of 0 DB instances, and 1 more are needed"),
        ("GetServiceQuota", quota(1), "AWS quota", "0 of 1 Fargate vCPUs, and 2 more are needed"),
        (
            "DescribeRegions",
            items("DescribeRegions", "regionInfo", "<optInStatus>not-opted-in</optInStatus>"),
            "platform_region",
            "eu-south-1 is not enabled in this account",
        ),
        (
            "DescribeRegions",
            failure("InvalidParameterValue", 400),
            "platform_region",
            "no region 'eu-south-1'",
        ),
        ("GetCallerIdentity", failure("ExpiredToken"), "AWS credentials", "(ExpiredToken)"),
        ("GetCallerIdentity", failure("InvalidClientTokenId"), "AWS credentials", "(InvalidClientTokenId)"),
        ("GetCallerIdentity", failure("SignatureDoesNotMatch"), "AWS credentials", "(SignatureDoesNotMatch)"),
    ],
)
def test_each_refusal_is_reported_by_its_variable(fake, operation, answer, variable, said):
    fake.answers[operation] = answer

    findings, _ = _find()

    reported = [finding for finding in findings if said in finding.what]
    assert [finding.variable for finding in reported] == [variable]
    assert reported[0].remedy


@pytest.mark.parametrize("answer", [failure("Throttling", 400), failure("InternalFailure", 500)])
def test_an_aws_that_is_busy_for_a_moment_is_asked_again(fake, monkeypatch, answer):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    fake.answers = Once(fake.answers, GetCallerIdentity=answer)

    findings = list(account.find(PRODUCTION, {}, IMPATIENT))

    assert findings == []
    assert fake.asked.count("GetCallerIdentity") == 2


def test_an_aws_that_stays_busy_is_not_taken_for_wrong_credentials(fake, monkeypatch):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    fake.answers["GetCallerIdentity"] = failure("Throttling", 400)

    [finding] = account.find(PRODUCTION, {}, IMPATIENT)

    assert finding.variable == "AWS"
    assert "run the same command again" in finding.remedy


def test_another_account_is_asked_nothing_more(fake):
    findings, _ = _find(dataclasses.replace(PRODUCTION, account_id="210987654321"))

    assert [finding.variable for finding in findings] == ["platform_account_id"]
    assert fake.asked == ["GetCallerIdentity"]


def test_what_stands_already_needs_no_more_room(fake):
    vpcs = ["<vpcId>vpc-1</vpcId>"] * 19 + [f"<vpcId>vpc-2</vpcId>{OURS}"]
    fake.answers["DescribeVpcs"] = items("DescribeVpcs", "vpcSet", *vpcs)
    fake.answers["DescribeAddresses"] = items("DescribeAddresses", "addressesSet", *[OURS] * 20)

    assert _find()[0] == []


def test_a_quota_that_nobody_raised_is_aws_s_default(fake):
    fake.answers["GetServiceQuota"] = as_json(400, __type="NoSuchResourceException", message="none")

    assert _find() == ([], {**_find()[1], "not_asked": []})
    fake.answers["GetAWSDefaultServiceQuota"] = quota(1)
    assert "AWS quota" in [finding.variable for finding in _find()[0]]


def test_what_the_policy_does_not_allow_to_ask_is_noted_and_stops_nothing(fake):
    refused = as_json(400, __type="AccessDeniedException", message="no")
    fake.answers |= {"GetServiceQuota": refused, "DescribeCertificate": refused}
    fake.answers["DescribeVpcs"] = items("DescribeVpcs", "vpcSet", *["<vpcId>vpc-1</vpcId>"] * 5)
    fake.answers["DescribeOrderableDBInstanceOptions"] = failure("AccessDenied")
    fake.answers["DescribeRegions"] = failure("UnauthorizedOperation")
    fake.answers["HEAD"] = (500, "")

    findings, facts = _find()

    assert findings == []
    text = "\n".join(facts["not_asked"])
    for part in (
        "whether the region is enabled",
        "whether the certificate is issued",
        "whether the class of the database instance is offered",
        "whether the bucket bmii-state is free",
        "the quota of VPCs (AWS's default is 5)",
        "the account has 5 of 5 VPCs, and 1 more are needed, if AWS's default holds",
    ):
        assert part in text


def test_an_emulated_account_is_not_asked_for_quotas(fake):
    _find(dataclasses.replace(PRODUCTION, target="emulator"))

    assert set(fake.asked) == {"GetCallerIdentity", "HEAD"}


def test_buckets_that_are_free_or_ours_are_fine_and_those_elsewhere_are_not(aws, monkeypatch):
    s3 = account.Cloud(Settings(region="us-east-1"), PATIENT).client("s3")
    s3.create_bucket(Bucket="preflight-ours")
    settings = Settings(
        target="emulator",
        region="us-east-1",
        account_id="000000000000",
        target_buckets=["preflight-ours", "preflight-free"],
    )

    assert _find(settings)[0] == []


def test_a_first_release_without_tasks_is_refused_and_one_that_is_live_may_be_stopped(aws, monkeypatch):
    name = f"none-{uuid.uuid4().hex[:8]}"
    settings = Settings(region="us-east-1", name=name, desired_count=0)

    def said(**changes):
        found = account.find(dataclasses.replace(settings, **changes), {}, PATIENT)
        return [(one.variable, one.what) for one in found]

    [(variable, what)] = said()
    assert (variable, what.partition(",")[0]) == ("platform_desired_count", "is 0")
    assert said(autoscaling={"min": 1, "max": 2}) == said(desired_count=1) == []
    ecs = account.Cloud(settings, PATIENT).client("ecs")
    ecs.create_cluster(clusterName=name)
    task = {"name": "app", "image": "nowhere/nothing", "essential": True}
    ecs.register_task_definition(family=name, containerDefinitions=[task])
    assert said() != []
    ecs.create_service(cluster=name, serviceName=name, taskDefinition=name, desiredCount=0)
    assert said() == []
    ecs.delete_service(cluster=name, service=name, force=True)
    assert said() != []


def test_no_credentials(fake, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    _reported("no AWS credentials were found", "aws sso login")


def test_a_role_that_may_not_be_assumed(fake, profile, tmp_path):
    profile("role_arn = arn:aws:iam::123456789012:role/migrate\nsource_profile = keys\nexternal_id = wrong\n")
    (tmp_path / "credentials").write_text("[keys]\naws_access_key_id = a\naws_secret_access_key = b\n")
    fake.answers["AssumeRole"] = failure("AccessDenied")

    _reported("AssumeRole failed (AccessDenied)", "external_id")


@pytest.mark.parametrize("days", [None, -1])
def test_a_single_sign_on_that_was_never_or_has_ended(fake, profile, tmp_path, days):
    profile(
        "sso_start_url = https://example.awsapps.com/start\nsso_region = eu-south-1\n"
        "sso_account_id = 123456789012\nsso_role_name = migrate\n"
    )
    if days is not None:
        expires = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        cache = tmp_path / ".aws/sso/cache"
        cache.mkdir(parents=True)
        # Named by the hash of the start URL, as `aws sso login` names it.
        name = "e8be5486177c5b5392bd9aa76563515b29358e6e.json"
        (cache / name).write_text(json.dumps({"accessToken": "t", "expiresAt": expires}))

    _reported("single sign-on session", "aws sso login")


def test_a_program_for_credentials_that_fails(fake, profile):
    profile("credential_process = false\n")

    _reported("Error when retrieving credentials", "~/.aws/config")


def test_a_profile_without_what_it_refers_to(fake, profile):
    profile("role_arn = arn:aws:iam::123456789012:role/migrate\nsource_profile = gone\n")

    _reported("gone", "~/.aws/config")


def _reported(what, remedy):
    findings, _ = _find()

    assert [finding.variable for finding in findings] == ["AWS credentials"]
    assert what in findings[0].what
    assert remedy in findings[0].remedy
