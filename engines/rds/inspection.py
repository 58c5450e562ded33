"""Reading the current instances of a database from RDS. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engines.aws import AwsError, client, translated
from engines.instance_names import is_made_by_rollback
from engines.rds.model import Found, Instance


def survey(name: str) -> Found:
    """Return the instance ``name`` and those that rollbacks of it have made. Raises ``AwsError``."""
    main, rollback_instances = None, []
    with translated(f"database {name}"):
        pages = client("rds").get_paginator("describe_db_instances").paginate()
        described = [one for page in pages for one in page["DBInstances"]]
    for one in described:
        if one["DBInstanceIdentifier"] == name:
            main = instance(one)
        elif is_made_by_rollback(one["DBInstanceIdentifier"], name):
            rollback_instances.append(instance(one))
    rollback_instances.sort(key=lambda one: one.name)
    return Found(main, tuple(rollback_instances), _earliest(name) if main else None)


def instance(described: Mapping[str, Any]) -> Instance:
    """Return the instance that AWS describes. One that is being made has no endpoint yet."""
    endpoint = described.get("Endpoint") or {}
    tags = {one["Key"]: one["Value"] for one in described.get("TagList", [])}
    return Instance(
        name=described["DBInstanceIdentifier"],
        status=described["DBInstanceStatus"],
        arn=described["DBInstanceArn"],
        resource=described["DbiResourceId"],
        host=endpoint.get("Address", ""),
        port=int(endpoint.get("Port", 0)),
        latest=_seconds(described.get("LatestRestorableTime")),
        # Those of AWS's own, such as CloudFormation's, nobody else may set.
        tags={key: value for key, value in tags.items() if not key.startswith("aws:")},
        settings=_settings(described),
        after=_after(described),
    )


def _settings(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a restore that makes an instance like this one."""
    found: dict[str, Any] = {
        "DBInstanceClass": described["DBInstanceClass"],
        "MultiAZ": bool(described.get("MultiAZ")),
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": bool(described.get("AutoMinorVersionUpgrade")),
        "CopyTagsToSnapshot": bool(described.get("CopyTagsToSnapshot")),
        "DeletionProtection": bool(described.get("DeletionProtection")),
        "EnableIAMDatabaseAuthentication": bool(described.get("IAMDatabaseAuthenticationEnabled")),
        "VpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in described.get("VpcSecurityGroups", [])],
        "EnableCloudwatchLogsExports": list(described.get("EnabledCloudwatchLogsExports") or []),
    }
    for key in ("StorageType", "MaxAllocatedStorage"):
        if described.get(key):
            found[key] = described[key]
    if group := (described.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"):
        found["DBSubnetGroupName"] = group
    if groups := described.get("DBParameterGroups"):
        found["DBParameterGroupName"] = groups[0]["DBParameterGroupName"]
    return found


def _after(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "BackupRetentionPeriod": int(described.get("BackupRetentionPeriod", 0)),
        "EnablePerformanceInsights": bool(described.get("PerformanceInsightsEnabled")),
    }


def _earliest(name: str) -> datetime | None:
    try:
        with translated(f"backups of {name}"):
            answer = client("rds").describe_db_instance_automated_backups(DBInstanceIdentifier=name)
    except AwsError as error:
        if "NotFound" in error.code:
            return None
        raise
    times = [
        _seconds((one.get("RestoreWindow") or {}).get("EarliestTime"))
        for one in answer["DBInstanceAutomatedBackups"]
    ]
    return min((one for one in times if one), default=None)


def _seconds(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(microsecond=0) if moment else None
