"""Patches of RDS: the emulator restores and renames no database; these do, with real servers.

One function patches each gap, and a test shows when it can go.
"""

from __future__ import annotations

import contextvars
import copy
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from engines.errors import EngineError
from rehearsal.emulator.services import Databases
from rehearsal.process import LOOPBACK, free_ports
from rehearsal.servers import backups

_log = logging.getLogger("rehearsal.databases")
# Defaults of a restore for options that the request leaves out, as on AWS.
_DEFAULTS = {
    "DeletionProtection": False,
    "MultiAZ": False,
    "PubliclyAccessible": False,
    "CopyTagsToSnapshot": False,
    "PerformanceInsightsEnabled": False,
    "EnabledCloudwatchLogsExports": [],
    "VpcSecurityGroups": [],
    "DBParameterGroups": [],
}


def apply(databases: Databases) -> None:
    """Patch the databases in this process, before it serves."""
    report_restorable_times(databases)
    restore(databases)
    rename(databases)
    delete(databases)
    restart_servers(databases)
    switch_insights()


def report_restorable_times(databases: Databases) -> None:
    """Report the latest restorable time as of now, and the times for which there are backups."""
    from ministack.services import rds  # noqa: PLC0415 - it reads the environment when imported

    write = rds._instance_xml
    rds._instance_xml = lambda instance: write({**instance, "LatestRestorableTime": ""})

    def describe(params: Any) -> Any:
        found = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        members = "" if found is None or not _is_restorable(databases, found) else _window(rds, found)
        action = "DescribeDBInstanceAutomatedBackups"
        body = f"<DBInstanceAutomatedBackups>{members}</DBInstanceAutomatedBackups>"
        return rds._xml(200, f"{action}Response", f"<{action}Result>{body}</{action}Result>")

    rds._ACTION_MAP["DescribeDBInstanceAutomatedBackups"] = describe


def restore(databases: Databases) -> None:
    """Restore an instance to a moment: a record of its own, and a server with the data of that moment."""
    from ministack.services import rds  # noqa: PLC0415

    def begin(params: Any) -> Any:
        name = rds._p(params, "TargetDBInstanceIdentifier")
        source = rds._resolve_instance(rds._p(params, "SourceDBInstanceIdentifier"))
        if source is None:
            return rds._error("DBInstanceNotFound", "The source DB instance was not found.", 404)
        if name in rds._instances:
            return rds._error("DBInstanceAlreadyExists", f"DB instance {name} already exists", 400)
        if not _is_restorable(databases, source):
            return rds._error("PointInTimeRestoreNotEnabled", "The source keeps no backups.", 400)
        moment = rds._p(params, "RestoreTime")
        if moment and not _moment(source["InstanceCreateTime"]) <= _moment(moment) <= datetime.now(UTC):
            return rds._error("InvalidParameterValue", "RestoreTime is not within the restorable times.", 400)
        record = _restored(rds, source, name, params)
        record["_restore"] = {"source": source["DbiResourceId"], "moment": moment}
        rds._instances[name] = record
        rds._tags[record["DBInstanceArn"]] = record["TagList"]
        _in_background(
            lambda: _finish_restore(databases, record), record, "available", "incompatible-restore"
        )
        action = "RestoreDBInstanceToPointInTime"
        return rds._single_instance_response(f"{action}Response", f"{action}Result", record)

    rds._ACTION_MAP["RestoreDBInstanceToPointInTime"] = begin


def rename(databases: Databases) -> None:
    """Give an instance another name, and its server the address that belongs to it."""
    from ministack.services import rds  # noqa: PLC0415

    modify = rds._ACTION_MAP["ModifyDBInstance"]

    def with_name(params: Any) -> Any:
        name, new = rds._p(params, "DBInstanceIdentifier"), rds._p(params, "NewDBInstanceIdentifier")
        found = rds._resolve_instance(name)
        if found and found["DBInstanceStatus"] != "available":
            return rds._error("InvalidDBInstanceState", f"DB instance {name} is not available", 400)
        if not new or found is None:
            return modify(params)
        if new in rds._instances:
            return rds._error("DBInstanceAlreadyExists", f"DB instance {new} already exists", 400)
        answer = modify(params)
        found["DBInstanceStatus"] = "renaming"

        def move() -> None:
            _move(databases, found, new)
            _record_under(rds, found, new)

        _in_background(move, found, "available", "failed")
        return answer

    rds._ACTION_MAP["ModifyDBInstance"] = with_name


def delete(databases: Databases) -> None:
    """Delete the server of its own that an instance has, together with its record."""
    from ministack.services import rds  # noqa: PLC0415

    forget = rds._ACTION_MAP["DeleteDBInstance"]

    def with_server(params: Any) -> Any:
        found = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        answer = forget(params)
        if found is not None and answer[0] == 200:  # noqa: PLR2004
            threading.Thread(target=databases.remove, args=(found["DbiResourceId"],), daemon=True).start()
        return answer

    rds._ACTION_MAP["DeleteDBInstance"] = with_server


def restart_servers(databases: Databases) -> None:
    """Start the servers of restored instances when the emulator, which owns them, is restarted."""
    from ministack.services import rds  # noqa: PLC0415

    start = rds._start_rds_container_for_instance

    def with_server(name: str, instance: dict[str, Any]) -> None:
        try:
            if "_restore" in instance and not instance["_restore"].get("done"):
                _finish_restore(databases, instance)
            elif databases.has_own_server(instance["DbiResourceId"]):
                databases.start(instance["DbiResourceId"], int(instance["_port"]))
        except EngineError:
            _log.exception("%s", name)
            instance["DBInstanceStatus"] = "failed"
        else:
            start(name, instance)

    rds._start_rds_container_for_instance = with_server


def switch_insights() -> None:
    """Switch Performance Insights on where an instance is modified, which the emulator passes over."""
    from ministack.services import rds  # noqa: PLC0415

    modify = rds._ACTION_MAP["ModifyDBInstance"]

    def with_insights(params: Any) -> Any:
        found = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        wanted = rds._p(params, "EnablePerformanceInsights")
        if found is not None and wanted:
            found["PerformanceInsightsEnabled"] = wanted == "true"
        return modify(params)

    rds._ACTION_MAP["ModifyDBInstance"] = with_insights


def _is_restorable(databases: Databases, instance: dict[str, Any]) -> bool:
    server = databases.server(instance["DbiResourceId"], int(instance.get("_port", 0)))
    return int(instance.get("BackupRetentionPeriod", 0)) > 0 and backups.are_kept(server.folder)


def _window(rds: Any, instance: dict[str, Any]) -> str:
    return (
        f"<DBInstanceAutomatedBackup><DBInstanceIdentifier>{instance['DBInstanceIdentifier']}"
        f"</DBInstanceIdentifier><DbiResourceId>{instance['DbiResourceId']}</DbiResourceId>"
        f"<RestoreWindow><EarliestTime>{instance['InstanceCreateTime']}</EarliestTime>"
        f"<LatestTime>{rds._format_time(time.time())}</LatestTime></RestoreWindow>"
        "<Status>active</Status></DBInstanceAutomatedBackup>"
    )


def _restored(rds: Any, source: dict[str, Any], name: str, params: Any) -> dict[str, Any]:
    """Return the record of the new instance: the source's, with the request's options and AWS's defaults."""
    port = free_ports(1)[0]
    flags = {key: rds._p(params, key) == "true" for key in _DEFAULTS if rds._p(params, key)}
    groups = rds._parse_member_list(params, "VpcSecurityGroupIds")
    parameters = rds._p(params, "DBParameterGroupName")
    return {
        **copy.deepcopy(source),
        **_DEFAULTS,
        **flags,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": one, "Status": "active"} for one in groups],
        "DBParameterGroups": [{"DBParameterGroupName": parameters or "default.postgres15"}],
        "DBInstanceClass": rds._p(params, "DBInstanceClass") or source["DBInstanceClass"],
        "DBInstanceIdentifier": name,
        "DBInstanceArn": source["DBInstanceArn"].rpartition(":")[0] + f":{name}",
        "DBInstanceStatus": "creating",
        "DbiResourceId": f"db-{rds.new_uuid().replace('-', '')[:20].upper()}",
        "InstanceCreateTime": rds._format_time(time.time()),
        "Endpoint": {"Address": LOOPBACK, "Port": port},
        "TagList": rds._parse_tags(params),
        "_port": port,
        # The name whose address is the target's, and what the account says that this is.
        "_target": source.get("_target") or [source["DBInstanceIdentifier"], source["Endpoint"]],
    }


def _finish_restore(databases: Databases, record: dict[str, Any]) -> None:
    from ministack.services import rds  # noqa: PLC0415

    wanted = record["_restore"]
    ports = {one["DbiResourceId"]: int(one.get("_port", 0)) for one in list(rds._instances.values())}
    source = databases.server(wanted["source"], ports.get(wanted["source"], 0))
    moment = _moment(wanted["moment"]) if wanted["moment"] else None
    databases.restore(source, record["DbiResourceId"], int(record["_port"]), moment)
    wanted["done"] = True


def _move(databases: Databases, instance: dict[str, Any], new: str) -> None:
    """Move the instance's server to where its new name is known to be."""
    resource = instance["DbiResourceId"]
    if "_target" not in instance:
        instance["_target"] = [instance["DBInstanceIdentifier"], instance["Endpoint"]]
    name, endpoint = instance["_target"]
    if new == name:
        databases.move_in(resource)
        instance["Endpoint"] = endpoint
        return
    if instance["DBInstanceIdentifier"] == name:
        port = instance.setdefault("_port", free_ports(1)[0])
        databases.move_away(resource, port)
        instance["Endpoint"] = {"Address": LOOPBACK, "Port": port}


def _record_under(rds: Any, instance: dict[str, Any], new: str) -> None:
    old, arn = instance["DBInstanceIdentifier"], instance["DBInstanceArn"]
    instance["DBInstanceIdentifier"] = new
    instance["DBInstanceArn"] = arn.rpartition(":")[0] + f":{new}"
    tags = rds._tags.pop(arn, None) or instance.get("TagList", [])
    rds._tags[instance["DBInstanceArn"]] = tags
    rds._instances[new] = instance
    del rds._instances[old]


def _in_background(work: Callable[[], None], record: dict[str, Any], good: str, bad: str) -> None:
    """Do ``work`` in a thread, in the account of the caller; the record's status shows how it ended."""

    def run() -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - whatever it is, the record must not stay as it is for good
            _log.exception("%s", record["DBInstanceIdentifier"])
            record["DBInstanceStatus"] = bad
        else:
            record["DBInstanceStatus"] = good

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), daemon=True).start()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
