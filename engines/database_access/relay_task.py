"""A relay: a task in a public subnet that forwards TCP to the database, for as long as a run needs it.

It ends by itself when its lease is over, or when nothing has come through for a while. Before that it is
ended by the run that started it, and, where that was killed, by the next.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from engines.aws import client, translated
from engines.database_access.errors import AccessError
from engines.database_access.model import PORT, Relay
from engines.runs import Owner

_IDLE = 900  # seconds without a connection, after which a relay ends
_START = 300.0
_PAUSE = (0.2, 3.0)
_CONTAINER = "relay"
_TO, _OWNER = "RELAY_TO", "RELAY_OWNER"
_DESCRIBED = 100  # tasks that one DescribeTasks call takes
_PUBLIC = "networkInterfaceId"


def lease(relay: Relay, to: str) -> str:
    """Return the address of a relay to ``to`` (``host:port``), which is started unless this run has one.

    What killed runs have left is ended first. Raises ``AccessError`` and ``AwsError``.
    """
    ours = Owner.of_this_run()
    for task in _tasks(relay.cluster):
        owner = _owner(task)
        if owner is None or owner.is_known_dead():
            _stop(relay.cluster, task)
        elif owner.is_same_process(ours) and _setting(task, _TO) == to:
            return _address(_await(relay, str(task["taskArn"])))
    return _address(_await(relay, _start(relay, to, ours)))


def end(cluster: str) -> list[str]:
    """End the relays of this run in ``cluster``, and what killed runs have left; return where they led."""
    ours = Owner.of_this_run()
    ended = []
    for task in _tasks(cluster):
        owner = _owner(task)
        if owner is None or owner.is_same_process(ours) or owner.is_known_dead():
            _stop(cluster, task)
            ended.append(_setting(task, _TO))
    return ended


def _start(relay: Relay, to: str, owner: Owner) -> str:
    # Without what was typed: the account's other users see this.
    shown = {key: value for key, value in owner.to_dict().items() if key != "command"}
    settings = {
        _TO: to,
        "RELAY_PORT": str(PORT),
        "RELAY_LEASE": str(relay.lease),
        "RELAY_IDLE": str(_IDLE),
        _OWNER: json.dumps(shown),
    }
    with translated("relay to the database"):
        answer = client("ecs").run_task(
            cluster=relay.cluster,
            taskDefinition=relay.task_definition,
            launchType="FARGATE",
            count=1,
            clientToken=str(uuid.uuid4()),  # a repeated call starts no second task
            startedBy=_started_by(relay.cluster),
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(relay.subnets),
                    "securityGroups": list(relay.security_groups),
                    "assignPublicIp": "ENABLED",
                }
            },
            overrides={
                "containerOverrides": [
                    {
                        "name": _CONTAINER,
                        "environment": [{"name": key, "value": text} for key, text in settings.items()],
                    }
                ]
            },
            propagateTags="TASK_DEFINITION",
        )
    if answer.get("failures"):
        raise AccessError(
            f"could not be placed: {answer['failures'][0].get('reason', 'no reason given')}",
            subject="relay to the database",
            remedy="Run the same command again; AWS may have had no room for a moment.",
        )
    return str(answer["tasks"][0]["taskArn"])


def _await(relay: Relay, arn: str) -> Mapping[str, Any]:
    """Return the task once it runs. Raises ``AccessError`` with AWS's reason when it does not."""
    begun, pause = time.monotonic(), _PAUSE[0]
    while True:
        with translated("relay to the database"):
            found = client("ecs").describe_tasks(cluster=relay.cluster, tasks=[arn])["tasks"]
        # A task that was started a moment ago may not be known everywhere yet.
        task = found[0] if found else {"lastStatus": "PROVISIONING"}
        if task["lastStatus"] == "RUNNING":
            return dict(task)
        if task["lastStatus"] in {"DEPROVISIONING", "STOPPED"}:
            raise AccessError(
                f"ended before it served: {_why(task)}",
                subject="relay to the database",
                remedy="Its image comes from public.ecr.aws: the public subnets need their route to the "
                "internet. Its log is in the service's log group, under relay/.",
            )
        if time.monotonic() - begun > _START:
            raise AccessError(
                f"is still {task['lastStatus']} after {_START:.0f} s",
                subject="relay to the database",
                remedy="Run the same command again; the ECS console shows what it waits for.",
            )
        time.sleep(pause)
        pause = min(1.5 * pause, _PAUSE[1])


def _why(task: Mapping[str, Any]) -> str:
    reasons = [str(one.get("reason") or "") for one in task.get("containers", [])]
    return "; ".join(filter(None, [str(task.get("stoppedReason") or ""), *reasons])) or "no reason was given"


def _address(task: Mapping[str, Any]) -> str:
    """Return the public address of a running task."""
    details = [one for attached in task.get("attachments", []) for one in attached.get("details", [])]
    card = next((str(one["value"]) for one in details if one["name"] == _PUBLIC), "")
    with translated("address of the relay"):
        found = client("ec2").describe_network_interfaces(NetworkInterfaceIds=[card])["NetworkInterfaces"]
    address = str(found[0].get("Association", {}).get("PublicIp", "")) if found else ""
    if not address:
        raise AccessError(
            "was given no public address",
            subject="relay to the database",
            remedy="Its subnets have to be public ones; run `ansible-playbook playbooks/provision.yml`.",
        )
    return address


def _tasks(cluster: str) -> Iterator[Mapping[str, Any]]:
    """Yield the relays of this platform that run, or are about to."""
    with translated("relays"):
        ecs = client("ecs")
        pages = ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, startedBy=_started_by(cluster), desiredStatus="RUNNING"
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        for start in range(0, len(arns), _DESCRIBED):
            some = arns[start : start + _DESCRIBED]
            found = ecs.describe_tasks(cluster=cluster, tasks=some)["tasks"]
            yield from (one for one in found if one.get("desiredStatus") != "STOPPED")


def _stop(cluster: str, task: Mapping[str, Any]) -> None:
    with translated("relay to the database"):
        client("ecs").stop_task(cluster=cluster, task=task["taskArn"], reason="The run is over")


def _setting(task: Mapping[str, Any], name: str) -> str:
    for override in task.get("overrides", {}).get("containerOverrides", []):
        for one in override.get("environment", []):
            if one["name"] == name:
                return str(one["value"])
    return ""


def _owner(task: Mapping[str, Any]) -> Owner | None:
    with suppress(ValueError, TypeError):
        return Owner.from_dict(json.loads(_setting(task, _OWNER)))
    return None


def _started_by(cluster: str) -> str:
    """Return by what relays are found again; ECS takes 36 characters."""
    return f"relay-{cluster.rpartition('/')[2]}"[:36]
