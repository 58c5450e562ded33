"""What the emulator does otherwise than AWS, and how it is mended.

One function for each gap. ``tests/rehearsal/test_mends.py`` runs the emulator without them, and fails for
each gap that a newer release has closed, so that its mend can go.
"""

from __future__ import annotations

import os
import random
import sys
import types
from pathlib import Path
from typing import Any

from rehearsal.emulator.patches import containers, databases, enforcement, tasks
from rehearsal.emulator.services import (
    Autosave,
    Databases,
    Health,
    Key,
    Prober,
    Scheduler,
    Stopper,
    Traffic,
    Turns,
)
from rehearsal.fargate import Engine, NotFound
from rehearsal.stack import Ports, StackConfig

# The emulator reads the environment when it is imported, so that happens where it is mended.
# ruff: noqa: PLC0415


def apply() -> None:
    """Mend the emulator in this process, before it serves."""
    decrypt_container_secrets()
    if network := containers.network():
        containers.apply(network, _injected(), tasks.assume_role)
    else:
        run_tasks()
        tasks.give_tasks_their_role()
    tag_buckets()
    filter_network()
    tasks.start_on_the_wanted_platform()
    tasks.say_why_containers_ended()
    traffic = Traffic()
    stopper = tasks.stop_gently(traffic)
    prober = measure_target_health(traffic)
    complete_rollouts_on_health(prober, stopper)
    if "TARGET_PORT" in os.environ:
        databases.apply(_databases())
    if os.environ.get("AUTH") == "true":
        enforcement.apply()
    save_always()


def decrypt_container_secrets() -> None:
    """Give containers the plain value of a SecureString, as ECS does, and not its ciphertext."""
    from ministack.services import ecs, ssm

    resolve = ecs._resolve_container_secrets
    read = ssm.resolve_parameter_value

    def decrypted(definition: Any) -> Any:
        values = resolve(definition)
        for entry in definition.get("secrets", []):
            name, source = entry.get("name"), entry.get("valueFrom", "")
            if name in values and "secretsmanager" not in source:
                values[name] = str(read(source, decrypt=True))
        return values

    ecs._resolve_container_secrets = decrypted


def tag_buckets() -> None:
    """Give a bucket the tags of its stack, as CloudFormation does with everything that can be tagged."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    kind = "AWS::S3::Bucket"
    handler = provisioners._RESOURCE_HANDLERS[kind]
    create, update = handler["create"], handler["update"]

    def tagged(properties: dict[str, Any], made: tuple[str, Any]) -> tuple[str, Any]:
        s3._bucket_tags[made[0]] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return made

    handler["create"] = lambda name, properties, stack: tagged(properties, create(name, properties, stack))
    handler["update"] = lambda name, before, properties, stack: tagged(
        properties, update(name, before, properties, stack)
    )
    provisioners._STACK_TAG_PROPERTY[kind] = ("Tags", "list")


def filter_network() -> None:
    """List the endpoints and addresses whose tags were asked for, and not those of every network."""
    from ministack.services import ec2

    def filtered(action: str, things: Any, key: str) -> None:
        describe = ec2._ACTION_MAP[action]

        def answer(params: Any) -> Any:
            filters, asked = ec2._parse_filters(params), ec2._parse_member_list(params, key)
            if not filters:
                return describe(params)
            wanted = [one for one in asked or things if ec2._resource_matches_tag_filters(one, filters)]
            names = {f"{key}.{number}": [one] for number, one in enumerate(wanted or ["none"], start=1)}
            kept = {name: value for name, value in params.items() if not name.startswith(f"{key}.")}
            return describe({**kept, **names})

        ec2._ACTION_MAP[action] = answer

    filtered("DescribeVpcEndpoints", ec2._vpc_endpoints, "VpcEndpointId")
    filtered("DescribeAddresses", ec2._addresses, "AllocationId")


def run_tasks() -> None:
    """Run tasks as processes: without Docker, ECS reports tasks as running and runs nothing."""
    from ministack.services import ecs

    ecs._docker = Engine(
        Path(os.environ["FARGATE_DIR"]),
        Path(os.environ["FARGATE_LOGS"]),
        port=int(os.environ["GATEWAY_PORT"]),
        injected=_injected(),
    )
    # After a failed pull ECS looks into docker-py for this one name; the package is not needed otherwise.
    errors = types.ModuleType("docker.errors")
    errors.ImageNotFound = NotFound  # type: ignore[attr-defined] # a module of this name has it
    sys.modules["docker.errors"] = errors


def measure_target_health(traffic: Traffic) -> Prober:
    """Report the measured health of targets, and forward requests to healthy ones only."""
    from ministack.services import alb

    prober = Prober(lambda: _registered(alb))
    forward = alb._forward_to_tg

    def describe(params: Any) -> Any:
        return _describe_target_health(alb, prober, params)

    async def forward_to_healthy(group: str, *request: Any, **options: Any) -> Any:
        found = alb._tgs.get(group)
        targets = alb._targets.get(group, [])
        if not found or not targets or found.get("TargetType", "instance") == "lambda":
            return await forward(group, *request, **options)
        healthy = [one for one in targets if prober.of(_key(group, found, one)).state == "healthy"]
        method, path, headers, body, query, raw_query, raw_path = _request(request, options)
        # With no healthy target all of them are tried, as on AWS ("fail open").
        target = random.choice(healthy or targets)  # noqa: S311 - no secret depends on it
        answering = alb._proxy_http_target(
            target, found, method, raw_path or path, headers, body, query, raw_query
        )
        return await traffic.counted(_key(group, found, target)[1:], answering)

    alb._describe_target_health = describe
    alb._ACTION_MAP["DescribeTargetHealth"] = describe
    alb._forward_to_tg = forward_to_healthy
    prober.start()
    return prober


def complete_rollouts_on_health(prober: Prober, stopper: Stopper) -> None:
    """Let a deployment be complete when its targets are healthy, and count tasks that never are."""
    from ministack.services import ecs

    scheduler = Scheduler(ecs, lambda group, address, port: prober.of((group, address, port)), stopper.stop)
    complete = ecs._complete_service_deployment
    record_healthy = ecs._record_service_task_healthy
    make = ecs._make_deployment

    def complete_when_healthy(cluster: str, key: str, expected_deployment_id: str | None = None) -> None:
        service = ecs._services.get(key)
        if service and all(
            scheduler.is_healthy(service, task)
            for _, task in scheduler.tasks(service)
            if ecs._deployment_for_task(service, task) is ecs._primary_deployment(service)
        ):
            complete(cluster, key, expected_deployment_id=expected_deployment_id)

    def record_when_healthy(key: str, task: dict[str, Any]) -> None:
        service = ecs._services.get(key)
        if service and scheduler.is_healthy(service, task):
            record_healthy(key, task)

    def make_in_progress(*arguments: Any, **options: Any) -> dict[str, Any]:
        # The first deployment of a service is reported as completed before its first task has started.
        deployment: dict[str, Any] = make(*arguments, **options)
        return {**deployment, "rolloutState": "IN_PROGRESS", "rolloutStateReason": ""}

    turns = Turns()
    ecs._reconcile_service_tasks = turns.one(ecs._reconcile_service_tasks, lambda _, key: key)
    ecs._complete_service_deployment = turns.one(complete_when_healthy, lambda _, key, *__: key)
    failure = turns.one(ecs._record_service_task_failure, lambda task, *_: _service_key(ecs, task))
    ecs._record_service_task_failure = failure
    for action in ("CreateService", "UpdateService", "DeleteService"):
        ecs._ACTION_MAP[action] = turns.one(ecs._ACTION_MAP[action], lambda data: _named_key(ecs, data))
    ecs._record_service_task_healthy = record_when_healthy
    ecs._make_deployment = make_in_progress
    scheduler.start()


def save_always() -> None:
    """Keep the account on disk while it is used, so that a crash does not empty it."""
    from ministack import app
    from ministack.core import persistence

    if persistence.PERSIST_STATE:
        Autosave(app, persistence).install()


def _databases() -> Databases:
    ports = Ports(target_postgres=int(os.environ["TARGET_PORT"]))
    return Databases(StackConfig(Path(os.environ["STACK_DIR"]), ports))


def _injected() -> dict[str, str]:
    """Return the part of a task's environment that the platform gives."""
    region = os.environ.get("MINISTACK_REGION", "us-east-1")
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
    }


def _request(positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    names = ("method", "path", "headers", "body", "query_params", "raw_query_string", "raw_path")
    values = {**dict(zip(names, positional, strict=False)), **named}
    return tuple(values.get(name) for name in names)


def _key(group: str, found: dict[str, Any], target: dict[str, Any]) -> Key:
    return group, str(target["Id"]), int(target.get("Port") or found.get("Port") or 80)


def _registered(alb: Any) -> dict[Key, dict[str, Any]]:
    groups = {arn: group for (_, _, arn), group in alb._tgs.all_items()}
    found = {}
    for (_, arn), targets in list(alb._targets._data.items()):
        group = groups.get(arn)
        if (
            group
            and group.get("TargetType", "instance") != "lambda"
            and group.get("HealthCheckEnabled", True)
        ):
            found.update({_key(arn, group, target): group for target in list(targets)})
    return found


def _describe_target_health(alb: Any, prober: Prober, params: Any) -> Any:
    group = alb._p(params, "TargetGroupArn")
    found = alb._tgs.get(group)
    if found is None:
        return alb._error("TargetGroupNotFound", f"Target group '{group}' not found.")
    asked = {target["Id"] for target in alb._parse_targets_param(params)}
    keys = [_key(group, found, target) for target in alb._targets.get(group, [])]
    keys += [key for key in prober.draining(group) if key not in keys]
    members = "".join(
        _member(key, prober.of(key), str(found.get("HealthCheckPort", "traffic-port")))
        for key in keys
        if not asked or key[1] in asked
    )
    return alb._xml(
        200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
    )


def _member(key: Key, health: Health, check_port: str) -> str:
    port = key[2] if check_port == "traffic-port" else check_port
    why = (
        f"<Reason>{health.reason}</Reason><Description>{health.description}</Description>"
        if health.reason
        else ""
    )
    return (
        f"<member><Target><Id>{key[1]}</Id><Port>{key[2]}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort>"
        f"<TargetHealth><State>{health.state}</State>{why}</TargetHealth></member>"
    )


def _service_key(ecs: Any, task: dict[str, Any]) -> str:
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    return f"{cluster}/{task.get('group', '').removeprefix('service:')}"


def _named_key(ecs: Any, data: dict[str, Any]) -> str:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    name = str(data.get("serviceName") or data.get("service", ""))
    return f"{cluster}/{name.rsplit('/', 1)[-1]}"
