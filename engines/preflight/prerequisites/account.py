"""Checks that need AWS: whose the credentials are, and whether the stack can be created in the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config

from engines.aws import AwsError, translated
from engines.domain import DomainError, certificates, zones
from engines.errors import EngineError
from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites import ownership, quotas
from engines.preflight.prerequisites.clients import Cloud, Question

# In each partition a region that nobody can switch off: it answers for those that can be.
_HOMES = (("us-gov-", "us-gov-west-1"), ("cn-", "cn-north-1"), ("eusc-", "eusc-de-east-1"))
_HOME = "us-east-1"
_ABSENT = frozenset({"404", "NoSuchBucket"})
_TAKEN = frozenset({"403", "Forbidden", "AccessDenied"})


def find(settings: Settings, facts: dict[str, Any], config: Config) -> Iterator[Finding]:
    """Ask the account. What else is wrong is asked only if it is the right one, and its region is enabled."""
    cloud = Cloud(settings, config)
    facts["not_asked"] = cloud.not_asked
    refused = list(_identity(cloud, facts))
    if not refused and settings.real_account:
        refused = list(_region(cloud))
    if refused:
        yield from refused
        return
    questions = [_buckets(cloud), _tasks(cloud), *ownership.questions(cloud)]
    # An emulated account has no quotas, and offers everything.
    if settings.real_account:
        questions += [_certificate(cloud), _zone(cloud), _instance_class(cloud), quotas.question(cloud)]
    with ThreadPoolExecutor(len(questions)) as pool:
        for answer in pool.map(lambda question: list(question()), questions):
            yield from answer


def _home(region: str) -> str:
    return next((home for head, home in _HOMES if region.startswith(head)), _HOME)


def _identity(cloud: Cloud, facts: dict[str, Any]) -> Iterator[Finding]:
    """Whether the credentials work, and belong to the account that may be changed."""
    wanted = cloud.settings.account_id
    try:
        sts = cloud.client("sts", _home(cloud.settings.region))
        with translated("AWS credentials"):
            identity = sts.get_caller_identity()
    except EngineError as error:
        is_busy = isinstance(error, AwsError) and error.is_passing
        subject = "AWS" if is_busy else "AWS credentials"
        yield Finding(subject, error.what, error.remedy or "Sign in, or set platform_aws_profile.")
        return
    facts["account_id"], facts["caller"] = identity["Account"], identity["Arn"]
    if wanted and identity["Account"] != wanted:
        yield Finding(
            "platform_account_id",
            f"these credentials belong to account {identity['Account']}, not to {wanted}",
            "Sign in to the right account, or correct the number.",
        )


def _region(cloud: Cloud) -> Iterator[Finding]:
    """Whether the region is there for this account: some are only after somebody has opted in."""
    region = cloud.settings.region
    ec2 = cloud.client("ec2", _home(region))
    try:
        with translated(f"region {region}"):
            answer = ec2.describe_regions(RegionNames=[region], AllRegions=True)
    except AwsError as error:
        if error.code == "InvalidParameterValue":
            yield Finding("platform_region", f"AWS has no region {region!r}", "Set one that it has.")
        else:
            cloud.cannot_ask("whether the region is enabled", error)
        return
    if any(one.get("OptInStatus") == "not-opted-in" for one in answer["Regions"]):
        yield Finding(
            "platform_region",
            f"{region} is not enabled in this account",
            "Enable it (Account, AWS Regions; it takes some minutes), or choose another.",
        )


def _buckets(cloud: Cloud) -> Question:
    s3, settings = cloud.client("s3"), cloud.settings
    named = [("platform_buckets", name) for name in dict.fromkeys(settings.target_buckets)]
    own = (
        ("platform_state_bucket", settings.state_bucket),
        ("platform_access_logs_bucket", settings.access_logs_bucket),
    )
    named += [(variable, name) for variable, name in own if name]
    owner = {"ExpectedBucketOwner": settings.account_id} if settings.account_id else {}

    def ask() -> Iterator[Finding]:
        for variable, name in named:
            yield from _bucket(cloud, s3, variable, {"Bucket": name, **owner})

    return ask


def _bucket(cloud: Cloud, s3: Any, variable: str, which: Mapping[str, str]) -> Iterator[Finding]:
    """Check that a bucket is free, or belongs to this account; names are unique across all AWS accounts."""
    name, region = which["Bucket"], cloud.settings.region
    try:
        with translated(f"bucket {name}"):
            there = s3.head_bucket(**which).get("BucketRegion", region)
    except AwsError as error:
        if error.code in _TAKEN:
            yield Finding(
                variable,
                f"{name!r} belongs to another account, or these credentials may not look at it",
                "Set another name; if the bucket is yours, allow s3:ListBucket on it.",
            )
        elif error.code not in _ABSENT:
            cloud.cannot_ask(f"whether the bucket {name} is free", error)
        return
    if region and there != region:
        yield Finding(variable, f"{name!r} exists in {there}, not in {region}", "Set another name.")


def _tasks(cloud: Cloud) -> Question:
    """Whether a first release has tasks: users would be moved to a service that nobody runs."""
    settings = cloud.settings
    has_none = settings.desired_count == 0 and not settings.autoscaling.get("min")
    ecs = cloud.client("ecs") if has_none else None

    def ask() -> Iterator[Finding]:
        if ecs is None:
            return
        try:
            with translated(f"service {settings.name}"):
                found = ecs.describe_services(cluster=settings.name, services=[settings.name])["services"]
        except AwsError as error:
            if error.code != "ClusterNotFoundException":
                cloud.cannot_ask(f"whether the service {settings.name} runs", error)
                return
            found = []
        if not any(one["status"] == "ACTIVE" for one in found):
            yield Finding(
                "platform_desired_count",
                "is 0, and there is no service yet: users would be moved to one that nobody runs",
                "Set how many tasks shall run; 0 stops the service once it is live.",
            )

    return ask


def _certificate(cloud: Cloud) -> Question:
    arn = cloud.settings.certificate_arn
    acm = cloud.client("acm") if arn else None

    def ask() -> Iterator[Finding]:
        if acm is None:
            return
        try:
            with translated(arn):
                found = certificates.read(arn, acm.describe_certificate(CertificateArn=arn)["Certificate"])
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                yield Finding(
                    "provision_certificate_arn", "there is no such certificate", "Copy it from ACM."
                )
            else:
                cloud.cannot_ask("whether the certificate is issued", error)
            return
        if wrong := certificates.fault(found, cloud.settings.domain):
            yield Finding(
                "provision_certificate_arn",
                f"the certificate {wrong}",
                "Name another, or leave it empty to have one requested.",
            )

    return ask


def _zone(cloud: Cloud) -> Question:
    zone, domain = cloud.settings.hosted_zone, cloud.settings.domain
    route53 = cloud.client("route53") if zone else None

    def ask() -> Iterator[Finding]:
        if route53 is None:
            return
        try:
            zones.find(zone, domain, route53)
        except AwsError as error:
            cloud.cannot_ask("whether the hosted zone is there", error)
        except DomainError as error:
            yield Finding("platform_hosted_zone", f"the {error.subject} {error.what}", error.remedy)

    return ask


def _instance_class(cloud: Cloud) -> Question:
    wanted = _orderable(cloud.settings.database)
    rds = cloud.client("rds") if "DBInstanceClass" in wanted else None

    def ask() -> Iterator[Finding]:
        if rds is None:
            return
        try:
            with translated("classes of database instances"):
                offers = rds.describe_orderable_db_instance_options(**wanted, MaxRecords=20)
        except AwsError as error:
            cloud.cannot_ask("whether the class of the database instance is offered", error)
            return
        if not offers["OrderableDBInstanceOptions"]:
            name, version = wanted["DBInstanceClass"], wanted.get("EngineVersion", "15")
            yield Finding(
                "provision_database.instance_class",
                f"{name} is not offered for PostgreSQL {version} in {cloud.settings.region}",
                "Set another class or version.",
            )

    return ask


def _orderable(database: Mapping[str, Any]) -> dict[str, str]:
    given = {
        "DBInstanceClass": database.get("instance_class"),
        "EngineVersion": database.get("engine_version"),
    }
    return {"Engine": "postgres", **{name: str(value) for name, value in given.items() if value}}
