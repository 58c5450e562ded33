"""What a rehearsal stack consists of: the inventory's configuration, and the programs made from it."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from engines.errors import ConfigurationError
from rehearsal.docker import Containers
from rehearsal.process import LOOPBACK, PROJECT, PYTHON, Program, claim_ports
from rehearsal.servers import (
    KEY,
    PASSWORD,
    Emulator,
    Guard,
    ObjectStore,
    PostgresServer,
    StorePorts,
    postgres,
    service,
)
from rehearsal.stack import operator_user
from rehearsal.stack.operator_user import Operator

_GRPC = 10_000  # SeaweedFS's own convention: gRPC listens that far above HTTP
_HIGHEST_PORT = 65_535
_SMALLEST_SUBNET = 28
MARK = "BMII_REHEARSAL"
RDS_NAME = "bmii-postgres.rehearsal.us-east-1.rds.amazonaws.com"  # in the certificate
TARGET = "target_postgres"  # the program that stands in for RDS
_PASSWORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Ports:
    """The TCP ports of the stack, on loopback."""

    source_postgres: int = 15432
    target_postgres: int = 25432
    object_store: int = 19000
    object_store_master: int = 19333
    object_store_volume: int = 19080
    object_store_filer: int = 19888
    service: int = 18000
    aws: int = 14566
    aws_tls: int = 14567


@dataclass(frozen=True)
class Passwords:
    """What opens the parts of the stack; the defaults are the well-known ones of local development."""

    source_database: str = field(default=PASSWORD, repr=False)
    target_database: str = field(default=PASSWORD, repr=False)
    object_store: str = field(default=KEY, repr=False)


@dataclass(frozen=True)
class StackConfig:
    """A stack, wholly described. Two stacks with different folders and ports run side by side.

    With a ``subnet`` the source, tasks and database instances are containers, in a network of that range.
    """

    folder: Path
    ports: Ports = Ports()
    database: str = "bio_bind_rank"
    target_user: str = "bmii_admin"
    passwords: Passwords = Passwords()
    buckets: tuple[str, ...] = ("raw", "processed", "artifacts", "features")
    account_id: str = "000000000000"
    region: str = "us-east-1"
    source_revision: str = "head-1"
    domain: str = ""
    operator: Operator | None = None
    subnet: str = ""
    application: service.Source | None = None

    @property
    def logs(self) -> Path:
        """Return the folder of all logs."""
        return self.folder / "logs"

    def done(self, step: str) -> Path:
        """Return the file that says that a step, which is done once, was done."""
        return self.folder / "done" / step

    @property
    def runtime(self) -> Path:
        """Return the short-named folder of the lock and the supervisor's socket (107 bytes at most)."""
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(f"/tmp/bmii-rehearsal-{name}")  # noqa: S108 - TMPDIR may be long, and differ next time

    @property
    def source(self) -> PostgresServer:
        """Return the source's database server."""
        password = self.passwords.source_database
        return PostgresServer(self.ports.source_postgres, self.folder / "source_postgres", password)

    @property
    def target(self) -> PostgresServer:
        """Return the server that stands in for RDS."""
        return PostgresServer(self.ports.target_postgres, self.folder / TARGET)

    @property
    def guard(self) -> Guard | None:
        """Return what the target asks of a connection, where its server can."""
        if not postgres.speaks_tls():
            return None
        # Where tasks have their addresses.
        port = self.ports.aws
        vpc = f"127.{port >> 8}.{port & 255}.0/24"
        return Guard(self.folder / "tls", RDS_NAME, self.target_user, postgres.SUPERUSER, vpc)

    @property
    def target_away(self) -> Path:
        """Return the file that is there while the target's data belong to an instance of another name."""
        return self.folder / f"{TARGET}.away"

    @property
    def store(self) -> ObjectStore:
        """Return the source's object store."""
        ports = self.ports
        http = (
            ports.object_store,
            ports.object_store_master,
            ports.object_store_volume,
            ports.object_store_filer,
            ports.object_store + 1,
        )
        return ObjectStore(
            StorePorts(*http, *(grpc_port(port) for port in http)),
            self.folder / "object_store",
            secret_key=self.passwords.object_store,
            region=self.region,
        )

    @property
    def aws(self) -> Emulator:
        """Return the emulated account."""
        return Emulator(
            self.ports.aws,
            self.folder / "aws",
            self.region,
            self.account_id,
            self.logs / "tasks",
            enforce=self.operator is not None,
            # Instances in containers cannot be restored.
            target_port=0 if self.subnet else self.ports.target_postgres,
            tls_port=self.ports.aws_tls,
            engine=self.containers.emulator_settings() if self.containers else {},
        )

    @property
    def step_mark(self) -> tuple[str, str]:
        """Return the variable that marks the short-lived programs of an ``up``: a killed one leaves them."""
        return f"{MARK}_STEP", str(self.folder)

    @property
    def containers(self) -> Containers | None:
        """Return the containers of the stack, if it has any."""
        if not self.subnet:
            return None
        settings = {
            "BMII_PORT": str(self.ports.service),
            "BMII_POSTGRES_PORT": str(self.ports.source_postgres),
            "BMII_POSTGRES_PASSWORD": self.passwords.source_database,
            "BMII_STORE_PORT": str(self.ports.object_store),
            "BMII_STORE_KEY": self.passwords.object_store,
            "BMII_REVISION": service.revision_of(PROJECT, self.source_revision),
        }
        return Containers(self.folder, self.subnet, settings, self.logs / "containers.log", self.step_mark)

    @property
    def operator_credentials(self) -> Path:
        """Return the AWS configuration file of the operator, which is there under enforcement."""
        return self.folder / "operator.cfg"

    def service_environment(self) -> dict[str, str]:
        """Return the settings of the source service."""
        if self.application:
            return dict(self.application.environment)
        return {
            "APP_ENV": "development",
            "DATABASE_URL": self.source.url(self.database, driver="psycopg2"),
            "OBJECT_STORE_ENDPOINT": f"{LOOPBACK}:{self.ports.object_store}",
            "OBJECT_STORE_ACCESS_KEY": KEY,
            "OBJECT_STORE_SECRET_KEY": self.passwords.object_store,
            "OBJECT_STORE_REGION": self.region,
            "OBJECT_STORE_USE_SSL": "false",
            "API_KEY": "",
            "LOG_LEVEL": "DEBUG",
            "OTEL_EXPORTER": "console",
            "BIND_HOST": LOOPBACK,
            "PORT": str(self.ports.service),
        }

    def programs(self) -> dict[str, Program]:
        """Return the programs by name. Each carries the mark by which none of them is left behind."""
        made = [self.aws.program("aws")]
        if not self.subnet:
            made = [
                self.source.program("source_postgres"),
                self.target.program(TARGET),
                self.store.program("object_store"),
                *made,
                self.application.program(self.ports.service)
                if self.application
                else service.program(PYTHON, self.ports.service, self.service_environment()),
            ]
        mark = {MARK: str(self.folder)}
        return {one.name: replace(one, environment={**one.environment, **mark}) for one in made}

    def endpoints(self) -> dict[str, str]:
        """Return where everything is, without passwords."""
        ports = self.ports
        target = f"postgresql://{LOOPBACK}:{ports.target_postgres}/{self.database}"
        return {
            "source_postgres": f"postgresql://{LOOPBACK}:{ports.source_postgres}/{self.database}",
            **({} if self.subnet else {"target_postgres": target}),
            "object_store": self.store.endpoint,
            "service": f"http://{LOOPBACK}:{ports.service}",
            "aws": self.aws.endpoint,
            "load_balancer": f"https://{LOOPBACK}:{ports.aws_tls}",
        }


def free_stack_ports() -> Ports:
    """Return ports for another stack on this machine (for tests), below those that the kernel gives out."""
    for base in random.sample(range(20_000, 22_700, 10), k=200):
        if claim_ports([port for one in range(base, base + 10) for port in (one, grpc_port(one))]):
            return Ports(
                source_postgres=base,
                target_postgres=base + 1,
                service=base + 2,
                aws=base + 3,
                object_store_master=base + 4,
                object_store_volume=base + 5,
                object_store_filer=base + 6,
                object_store=base + 7,
                aws_tls=base + 9,
            )
    raise ConfigurationError(
        "no free ports were found", subject="local_stack_ports", remedy="Set them to ports that are free."
    )


def grpc_port(port: int) -> int:
    """Return the gRPC port that belongs to an HTTP port."""
    return port + _GRPC if port + _GRPC <= _HIGHEST_PORT else port - _GRPC


def read_config(
    folder: str,
    ports: Mapping[str, Any],
    database: Mapping[str, Any],
    buckets: Sequence[str],
    passwords: Mapping[str, str] | None = None,
    *,
    operator_policy: str | None = None,
    operator_names: Mapping[str, str] | None = None,
    subnet: str | None = None,
    source: Mapping[str, Any] | None = None,
    **more: str,
) -> StackConfig:
    """Return the configuration from the role's variables. Raises ``ConfigurationError``."""
    known = {one.name for one in fields(Ports)}
    if unknown := sorted(set(ports) - known):
        raise ConfigurationError(
            f"has no port called {', '.join(unknown)}",
            subject="local_stack_ports",
            remedy=f"The ports are: {', '.join(sorted(known))}.",
        )
    numbers = {name: _number(name, value) for name, value in ports.items()}
    config = StackConfig(
        folder=Path(folder).expanduser().absolute(),
        ports=Ports(**numbers),
        database=str(database.get("name", StackConfig.database)),
        target_user=str(database.get("target_user", StackConfig.target_user)),
        passwords=_passwords(passwords or {}),
        buckets=tuple(buckets),
        operator=operator_user.read(operator_policy, operator_names or {}, **more),
        subnet=_subnet(subnet or ""),
        application=service.Source.from_options(source or {}),
        **more,
    )
    _require_different(config)
    return config


def _subnet(given: str) -> str:
    if not given:
        return ""
    try:
        network = IPv4Network(given)
    except ValueError as error:
        raise ConfigurationError(
            f"is not a range: {error}", subject="local_stack_subnet", remedy="Set one such as 10.213.0.0/24."
        ) from error
    if not network.is_private or network.prefixlen > _SMALLEST_SUBNET:
        raise ConfigurationError(
            f"{given} is not a private range with room for containers",
            subject="local_stack_subnet",
            remedy="Take one such as 10.213.0.0/24 that no network of this machine uses.",
        )
    return given


def _passwords(given: Mapping[str, str]) -> Passwords:
    for name, value in given.items():
        if value and not _PASSWORD.fullmatch(value):
            raise ConfigurationError(
                "is not made of letters, digits, _ and - alone",
                subject=f"local_stack_passwords.{name}",
                remedy="Take another: it is part of addresses and of settings files here.",
            )
    return Passwords(**{name: value for name, value in given.items() if value})


def variable(port_name: str) -> str:
    """Return the inventory's name for a program's port."""
    name = port_name.removesuffix("_grpc")
    if name == "object_store_admin":
        name = "object_store"
    return f"local_stack_ports.{name}"


def _number(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= _HIGHEST_PORT:
        raise ConfigurationError(
            f"is not a port: {value!r}",
            subject=f"local_stack_ports.{name}",
            remedy="Set a number from 1 to 65535.",
        )
    return number


def _require_different(config: StackConfig) -> None:
    seen: dict[int, str] = {}
    for program in config.programs().values():
        for name, port in program.ports.items():
            if port in seen:
                raise ConfigurationError(
                    f"and {variable(seen[port])} need the same port {port}",
                    subject=variable(name),
                    remedy=f"The store also takes the port after object_store, and {_GRPC} above each.",
                )
            seen[port] = name
