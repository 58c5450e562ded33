"""Reading the current resources of a platform from AWS. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engines import domain
from engines.aws import AwsError, client, translated
from engines.instance_names import is_made_by_rollback
from engines.stack import lifecycle
from engines.teardown.model import Found, Platform

# Codes by which AWS says that something does not exist, in addition to those with "NotFound" in them.
_ABSENT = frozenset(
    {"404", "NoSuchBucket", "NoSuchEntity", "NoSuchTagSet", "NoSuchUpload", "ServiceNotActiveException"}
)
_DESCRIBED = 100  # tasks that one DescribeTasks call takes


def survey(platform: Platform) -> Found:
    """Return the current resources. Raises ``AwsError`` when AWS cannot be asked."""
    services = _services(platform.name)
    database, protected = _database(platform.database)
    return Found(
        stack=lifecycle.find(platform.stack_name),
        services=services,
        tasks=strays(platform.name, services),
        definitions=definitions(platform.name),
        relays=definitions(f"{platform.name}-relay"),
        workers=definitions(platform.worker_families),
        images=len(images(platform.name)),
        database=database,
        database_protected=protected,
        rollback_instances=rollback_instances(platform.database),
        snapshots=snapshots(platform.database),
        log_groups=log_groups(platform),
        parameters=parameters(platform.parameter_path),
        buckets={name: tags for name in platform.buckets if (tags := bucket_tags(name)) is not None},
        leads_here=_leads_here(platform),
        certificate=domain.requested(platform.domain, platform.tags) if platform.domain else "",
    )


def present(subject: str, ask: Callable[[], Any]) -> Any:
    """Return the answer of ``ask``, or None when AWS says that there is no such thing."""
    try:
        with translated(subject):
            return ask()
    except AwsError as error:
        if error.code in _ABSENT or "NotFound" in error.code:
            return None
        raise


def pages(subject: str, service: str, operation: str, key: str, **options: Any) -> list[Any]:
    """Return the entries under ``key`` of all pages; none when what they are asked of is not there."""
    found = present(
        subject, lambda: list(client(service).get_paginator(operation).paginate(**options).search(f"{key}[]"))
    )
    return [one for one in found or [] if one is not None]


def tasks(cluster: str) -> tuple[str, ...]:
    """Return the ARNs of tasks that run in the cluster or are about to."""
    return tuple(pages(f"cluster {cluster}", "ecs", "list_tasks", "taskArns", cluster=cluster))


def strays(cluster: str, services: Sequence[str]) -> tuple[str, ...]:
    """Return the ARNs of those tasks that none of ``services`` keeps."""
    found: list[str] = []
    arns, groups = tasks(cluster), [f"service:{name}" for name in services]
    for start in range(0, len(arns), _DESCRIBED):
        with translated(f"cluster {cluster}"):
            answer = client("ecs").describe_tasks(cluster=cluster, tasks=arns[start : start + _DESCRIBED])
        found += [one["taskArn"] for one in answer["tasks"] if one.get("group") not in groups]
    return tuple(found)


def definitions(family: str) -> tuple[str, ...]:
    """Return the ARNs of the family's task definitions, those that were deregistered too.

    With a hyphen at its end, ``family`` is what the names of several begin with.
    """
    found: list[str] = []
    several = family.endswith("-")
    # AWS takes the whole name of a family, whatever it calls it.
    narrowed = {} if several else {"familyPrefix": family}
    for status in ("ACTIVE", "INACTIVE"):
        arns = pages(
            f"task definitions {family}",
            "ecs",
            "list_task_definitions",
            "taskDefinitionArns",
            status=status,
            **narrowed,
        )
        names = {arn: arn.rpartition("/")[2].rpartition(":")[0] for arn in arns}
        found += [arn for arn in arns if (names[arn].startswith(family) if several else names[arn] == family)]
    return tuple(dict.fromkeys(found))


def images(repository: str) -> tuple[str, ...]:
    """Return the digests of the images in the repository."""
    found = pages(f"repository {repository}", "ecr", "list_images", "imageIds", repositoryName=repository)
    return tuple(dict.fromkeys(one["imageDigest"] for one in found))


def snapshots(instance: str) -> tuple[str, ...]:
    """Return the manual snapshots of the instance, and of those that rollbacks have made."""
    found = pages(
        f"snapshots of {instance}", "rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"
    )
    return tuple(
        one["DBSnapshotIdentifier"]
        for one in found
        if one["DBInstanceIdentifier"] == instance
        or is_made_by_rollback(one["DBInstanceIdentifier"], instance)
    )


def rollback_instances(instance: str) -> dict[str, dict[str, str]]:
    """Return the instances that rollbacks of this one have left, with their tags."""
    found = pages(f"instances of rollbacks of {instance}", "rds", "describe_db_instances", "DBInstances")
    return {
        one["DBInstanceIdentifier"]: {tag["Key"]: tag["Value"] for tag in one.get("TagList", [])}
        for one in found
        if is_made_by_rollback(one["DBInstanceIdentifier"], instance)
    }


def log_groups(platform: Platform) -> tuple[str, ...]:
    """Return the platform's log groups that exist, with those of instances that rollbacks have made."""
    prefixes = (*platform.log_groups, f"{platform.database_logs}-")
    found = [
        (prefix, str(one["logGroupName"]))
        for prefix in prefixes
        for one in pages(
            f"log group {prefix}", "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix
        )
    ]
    return tuple(
        name
        for prefix, name in found
        if name == prefix
        or is_made_by_rollback(name.rpartition("/")[0].rpartition("/")[2], platform.database)
    )


def parameters(path: str) -> tuple[str, ...]:
    """Return the names of the parameters below the path; no value is read."""
    filters = [{"Key": "Path", "Option": "Recursive", "Values": [path]}]
    found = pages(
        f"parameters below {path}", "ssm", "describe_parameters", "Parameters", ParameterFilters=filters
    )
    return tuple(one["Name"] for one in found)


def bucket_tags(name: str) -> dict[str, str] | None:
    """Return the tags of a bucket of this account; None when there is no such bucket."""
    s3 = client("s3")
    if present(f"bucket {name}", lambda: s3.head_bucket(Bucket=name)) is None:
        return None
    answer = present(f"bucket {name}", lambda: s3.get_bucket_tagging(Bucket=name))
    return {one["Key"]: one["Value"] for one in (answer or {"TagSet": []})["TagSet"]}


def _leads_here(platform: Platform) -> bool:
    zone = platform.hosted_zone
    return bool(zone and platform.domain and domain.leading(platform.domain, zone, platform.name))


def _services(cluster: str) -> tuple[str, ...]:
    arns = pages(f"cluster {cluster}", "ecs", "list_services", "serviceArns", cluster=cluster)
    return tuple(arn.rpartition("/")[2] for arn in arns)


def _database(instance: str) -> tuple[bool, bool]:
    answer = present(
        f"database {instance}", lambda: client("rds").describe_db_instances(DBInstanceIdentifier=instance)
    )
    found = (answer or {"DBInstances": []})["DBInstances"]
    return bool(found), any(one.get("DeletionProtection") for one in found)
