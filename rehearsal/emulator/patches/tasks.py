"""Patches of ECS tasks: how they are started and stopped, as Fargate does it.

One function patches each gap, and a test shows when it can go.
"""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rehearsal.emulator.services import Place, Restarts, Stopper, TaskRoles, Traffic
from rehearsal.fargate import Check, Engine, NotFound, PullError, StartError
from rehearsal.process import LOOPBACK

# The emulator reads the environment when it is imported, so that happens where it is patched; boto3 takes a
# third of a second, and is needed only when a task asks.
# ruff: noqa: PLC0415

_MIB = 1 << 20
_OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_STOP_TIMEOUT = 30
_LOGGED = 30.0  # seconds
_ADDRESS, _TOKEN = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"
_INTERFACE = "networkInterfaceId"
_DRAIN = "deregistration_delay.timeout_seconds"


def run_as_processes(injected: Mapping[str, str]) -> None:
    """Run tasks as processes: without Docker, ECS reports tasks as running and runs nothing."""
    from ministack.services import ecs

    ecs._docker = Engine(
        Path(os.environ["FARGATE_DIR"]),
        Path(os.environ["FARGATE_LOGS"]),
        port=int(os.environ["GATEWAY_PORT"]),
        injected=injected,
    )
    # After a failed pull ECS looks into docker-py for this one name; the package is not needed otherwise.
    errors = types.ModuleType("docker.errors")
    errors.ImageNotFound = NotFound  # type: ignore[attr-defined] # a module of this name has it
    sys.modules["docker.errors"] = errors


def start_on_the_wanted_platform() -> None:
    """Refuse an image for another platform, as Fargate does, instead of running it on this machine's."""
    from ministack.services import ecs

    build, fail = ecs._build_run_kwargs, ecs._fail_task_start

    def run(engine: Any, container: dict[str, Any], options: dict[str, Any], **_: object) -> Any:
        try:
            return engine.containers.run(container["image"], **options)
        except StartError:
            raise
        except PullError as error:
            found = f"failed to resolve ref {container['image']}: " if error.what == "not found" else ""
            text = f"pull image manifest has been retried 1 time(s): {found}{error.what}"
            raise ecs._ImagePullError(text) from error

    def with_limits(container: dict[str, Any], definition: dict[str, Any], *rest: Any) -> dict[str, Any]:
        limits = [int(one["memory"]) for one in (container, definition) if one.get("memory")]
        return {
            **build(container, definition, *rest),
            "entrypoint": container.get("entryPoint") or None,
            "mem_limit": min(limits, default=0) * _MIB,
            "stop_timeout": float(container.get("stopTimeout", _STOP_TIMEOUT)),
            "healthcheck": Check.of(container.get("healthCheck")),
        }

    def fail_as_aws_words_it(task: dict[str, Any], engine: Any, reason: str) -> None:
        _, word, rest = reason.partition("CannotStartContainerError")
        fail(task, engine, word + rest if word else reason)

    ecs._run_docker_container = run
    ecs._build_run_kwargs = with_limits
    ecs._fail_task_start = fail_as_aws_words_it


def pause_between_failed_starts() -> None:
    """Try a service whose tasks cannot start more and more seldom, instead of without end."""
    from ministack.services import ecs

    ecs._fail_task_start = Restarts(ecs, ecs._fail_task_start).fail


def report_why_containers_ended() -> None:
    """Give a container that was killed for its memory that reason, and the task the one that AWS gives."""
    from ministack.services import ecs

    stopped = ecs._mark_task_stopped

    def with_reasons(arn: str, task: dict[str, Any], reason: str, code: str, exit_code: Any = None) -> Any:
        known = ecs._get_docker().containers
        for container, identity in zip(task["containers"], task.get("_docker_ids", []), strict=False):
            if known.get(identity).out_of_memory:
                container["reason"] = _OUT_OF_MEMORY
            if known.get(identity).status == "exited":
                _until_logged(arn, container["name"])
        if reason == "Essential container exited":
            reason = "Essential container in task exited"
        return stopped(arn, task, reason, code, exit_code=exit_code)

    ecs._mark_task_stopped = with_reasons


def _until_logged(arn: str, container: str) -> None:
    """Wait until what an ended container wrote is in its log, as whoever sees it stopped takes it to be."""
    name = f"ministack-ecs-awslogs-{arn.rpartition('/')[2][:8]}-{container}"
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(_LOGGED)


def give_tasks_their_role() -> None:
    """Serve the task role's credentials at the address that a task is given; without a role, give none."""
    from ministack import app
    from ministack.services import ecs

    register = ecs._register_metadata
    roles = TaskRoles(assume_role)

    def with_credentials(arn: str, cluster: str, definition: dict[str, Any], *rest: Any) -> Any:
        token = register(arn, cluster, definition, *rest)
        environment = rest[2]
        address, secret = environment.pop(_ADDRESS), environment.pop(_TOKEN)
        if definition.get("taskRoleArn"):
            roles.grant(urlsplit(address).path, secret, definition["taskRoleArn"], arn)
            environment.update({_ADDRESS: address, _TOKEN: secret})
        return token

    ecs._register_metadata = with_credentials
    roles.install(app)


def give_tasks_an_interface() -> None:
    """Give a task of ``awsvpc`` its network interface, with a public address in a public subnet.

    docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
    """
    from ministack.services import ec2, ecs

    record, clean_up, fields = ecs._record_task_ip, ecs._cleanup_task_resources, ec2._eni_fields_xml

    def with_interface(task: dict[str, Any], *rest: Any) -> None:
        record(task, *rest)
        for attachment in task.get("attachments") or []:
            details = {one["name"]: one["value"] for one in attachment["details"]}
            if _INTERFACE not in details:
                card = f"eni-{attachment['id'].replace('-', '')[:17]}"
                attachment["details"].append({"name": _INTERFACE, "value": card})
                ec2._network_interfaces[card] = _interface(ec2, card, details)

    def without_interface(task: dict[str, Any], *rest: Any) -> Any:
        for attachment in task.get("attachments") or []:
            for one in attachment["details"]:
                ec2._network_interfaces.pop(one["value"], None)
        return clean_up(task, *rest)

    def with_public_address(card: dict[str, Any], tag: str = "item") -> str:
        text = str(fields(card, tag))
        if "_public" not in card:
            return text
        found = f"<association><publicIp>{card['_public']}</publicIp></association>"
        return text.replace("<groupSet>", f"{found}<groupSet>", 1)

    ecs._record_task_ip, ecs._cleanup_task_resources = with_interface, without_interface
    ec2._eni_fields_xml = with_public_address


def _interface(ec2: Any, card: str, details: Mapping[str, str]) -> dict[str, Any]:
    subnet, address = details.get("subnetId", ""), details["privateIPv4Address"]
    found = ec2._subnets.get(subnet, {})
    return {
        "NetworkInterfaceId": card,
        "SubnetId": subnet,
        "VpcId": found.get("VpcId", ""),
        "AvailabilityZone": found.get("AvailabilityZone", ""),
        "Description": "an attachment of a task",
        "OwnerId": ec2.get_account_id(),
        "Status": "in-use",
        "PrivateIpAddress": address,
        "MacAddress": "02:00:00:00:00:00",
        "InterfaceType": "interface",
        # It is reached at its own address from everywhere, since everywhere is this machine.
        **({"_public": address} if _is_public(ec2, subnet) else {}),
    }


def _is_public(ec2: Any, subnet: str) -> bool:
    return any(
        str(route.get("GatewayId", "")).startswith("igw-")
        for table in ec2._route_tables.values()
        if any(one.get("SubnetId") == subnet for one in table.get("Associations", []))
        for route in table.get("Routes", [])
    )


def stop_gently(traffic: Traffic) -> Stopper:
    """Let a task answer its requests before SIGTERM, and give it ``stopTimeout`` before SIGKILL."""
    from ministack.services import alb, ecs

    def drain(groups: list[str], places: set[Place]) -> None:
        delays = [
            float(attribute["Value"])
            for group in groups
            for attribute in alb._tg_attrs.get(group, [])
            if attribute["Key"] == _DRAIN
        ]
        traffic.drain(places, max(delays, default=0))

    stopper = Stopper(ecs, drain)
    ecs._stop_task = stopper.stop_task
    ecs._ACTION_MAP["StopTask"] = stopper.stop_task
    return stopper


def assume_role(role_arn: str, session: str) -> Any:
    """Ask the emulator's own STS, as its root user."""
    import boto3

    client = boto3.client(
        "sts",
        endpoint_url=f"http://{LOOPBACK}:{os.environ['GATEWAY_PORT']}",
        region_name=os.environ.get("MINISTACK_REGION", "us-east-1"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
    )
    return client.assume_role(RoleArn=role_arn, RoleSessionName=session)
