"""The emulated account with a Docker engine beneath: its tasks and its database instances are containers.

One function patches each gap. What does not depend on who runs a task is patched in ``patches.tasks``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal.docker import STACK_LABEL, Engine, Network
from rehearsal.servers import PostgresServer

_PORT = 5432
_DATA = "/var/lib/postgresql/data"
_START = 90.0  # seconds that a database server may take to serve
NETWORK, GATEWAY, STACK, IMAGE = "DOCKER_NETWORK", "STACK_GATEWAY", "STACK_FOLDER", "STACK_POSTGRES_IMAGE"

Assume = Callable[[str, str], Any]  # role ARN, session name -> what AssumeRole answers


def network() -> Network | None:
    """Return the network of the stack's containers, when this emulator was started to use an engine."""
    name = os.environ.get(NETWORK, "")
    return Network(name, os.environ[GATEWAY], os.environ[STACK]) if name else None


def apply(found: Network, injected: dict[str, str], assume: Assume) -> None:
    """Let the emulator in this process run containers in the network that was ``found``.

    ``injected`` is the part of a task's environment that the platform gives.
    """
    import docker  # noqa: PLC0415 - not needed without an engine

    client = docker.from_env(timeout=300)
    listen_on(found.gateway)
    run_tasks(client, found, injected)
    give_tasks_credentials(assume)
    name_databases(found)
    run_databases(client, found, os.environ[IMAGE])


def listen_on(address: str) -> None:
    """Serve containers too: to them, loopback is their own."""
    from hypercorn.config import Config  # noqa: PLC0415

    create = Config.create_sockets

    def with_address(self: Any) -> Any:
        self.bind = [*self.bind, f"{address}:{os.environ['GATEWAY_PORT']}"]
        return create(self)

    Config.create_sockets = with_address  # type: ignore[method-assign]


def run_tasks(client: Any, found: Network, injected: dict[str, str]) -> None:
    """Pull a task's image from the account's own registry, whose name the engine cannot resolve."""
    from ministack.services import ecs  # noqa: PLC0415 - it reads the environment when imported

    ecs._docker = Engine(client, found, port=int(os.environ["GATEWAY_PORT"]), injected=injected)


def give_tasks_credentials(assume: Assume) -> None:
    """Give a task its role's credentials at its start.

    Fargate serves them at an address that AWS's clients know. They take them from no other but loopback.
    """
    from ministack.services import ecs  # noqa: PLC0415

    register = ecs._register_metadata

    def with_credentials(arn: str, cluster: str, definition: dict[str, Any], *rest: Any) -> Any:
        token = register(arn, cluster, definition, *rest)
        environment = rest[2]
        for name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"):
            environment.pop(name)
        if definition.get("taskRoleArn"):
            given = assume(definition["taskRoleArn"], arn.rsplit("/", 1)[-1])["Credentials"]
            environment.update(
                AWS_ACCESS_KEY_ID=given["AccessKeyId"],
                AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
                AWS_SESSION_TOKEN=given["SessionToken"],
            )
        return token

    ecs._register_metadata = with_credentials


def name_databases(found: Network) -> None:
    """Name a server and its data after the stack: to an engine, all rehearsals are one account."""
    from ministack.services import rds  # noqa: PLC0415

    scope = rds._rds_docker_scope

    def of_stack(*where: Any, **more: Any) -> str:
        return f"{scope(*where, **more)}-{found.name}"

    rds._rds_docker_scope = of_stack


def run_databases(client: Any, found: Network, image: str) -> None:
    """Run a server for a database instance that CloudFormation makes, which is a record only.

    The server has an address of its own in the network, and publishes none. Its master user is no superuser.
    """
    from ministack.services import rds  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handler = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"]
    record, forget = handler["create"], handler["delete"]
    start, run = rds._start_rds_container_for_instance, rds._run_rds_container

    def image_of(_: str, __: str, ___: str, password: str, ____: str) -> tuple[Any, ...]:
        return image, {"POSTGRES_PASSWORD": password}, _PORT, _DATA

    def run_in_network(
        docker: Any, engine: str, options: dict[str, Any], tls_names: Any = (), **more: Any
    ) -> Any:
        options = {**options, "labels": {**options["labels"], STACK_LABEL: found.stack}}
        del options["ports"]
        # Restarted with the emulator, a server keeps the address that was assigned before.
        if before := [name for name in tls_names if name.replace(".", "").isdigit()]:
            place = client.api.create_endpoint_config(ipv4_address=before[0])
            options["networking_config"] = {found.name: place}
        return run(docker, engine, options, tls_names=tls_names, **more)

    def start_with_master(identity: str, instance: dict[str, Any]) -> None:
        start(identity, instance)
        if instance["DBInstanceStatus"] == "failed":
            raise ValueError(f"the container of {identity} could not be started; see the emulator's log")
        _make_master(instance)

    def create(name: str, properties: dict[str, Any], stack: str) -> tuple[str, Any]:
        identity, _ = record(name, properties, stack)
        start_with_master(identity, rds._instances[identity])
        return identity, provisioners._rds_db_instance_attrs(rds._instances[identity])

    def delete(identity: str, properties: dict[str, Any]) -> None:
        from docker.errors import NotFound  # noqa: PLC0415

        instance = rds._instances.get(identity) or {}
        with contextlib.suppress(NotFound):
            if instance.get("_docker_container_id"):
                client.containers.get(instance["_docker_container_id"]).remove(force=True, v=True)
        with contextlib.suppress(NotFound):
            if instance.get("_docker_volume_name"):
                client.volumes.get(instance["_docker_volume_name"]).remove(force=True)
        forget(identity, properties)

    rds._docker_image_for_engine, rds._run_rds_container = image_of, run_in_network
    rds._start_rds_container_for_instance = start_with_master
    handler["create"], handler["delete"] = create, delete


def _make_master(instance: dict[str, Any]) -> None:
    """Make the instance's user and database, once the server takes connections."""
    address, password = instance["Endpoint"]["Address"], instance["_MasterUserPassword"]
    server = PostgresServer(_PORT, Path("/nonexistent"), password, host=address)
    deadline = time.monotonic() + _START
    while not server.is_ready():
        if time.monotonic() > deadline:
            raise ValueError(f"the server at {address} did not serve within {_START:.0f} seconds")
        time.sleep(0.2)
    server.create_role(instance["MasterUsername"], password)
    server.create_database(instance["DBName"], owner=instance["MasterUsername"])
