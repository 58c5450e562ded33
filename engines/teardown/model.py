"""A teardown as data: names of the platform, its current resources, actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engines.stack import Stack

Step = Literal[
    "service",
    "tasks",
    "definitions",
    "images",
    "rollback instance",
    "database protection",
    "stack protection",
    "stack",
    "log group",
    "parameters",
    "bucket",
    "snapshots",
    "domain record",
    "certificate",
]


@dataclass(frozen=True)
class Platform:
    """What is to be taken down, by name. Its stack and its buckets carry ``tags``; others are not its own.

    ``name`` is that of cluster, service, repository and load balancer. ``state_bucket`` holds the ledger and
    is always kept. With ``delete_data`` buckets and snapshots go too. ``hosted_zone`` holds the ``domain``;
    empty, if DNS is kept elsewhere.
    """

    name: str
    stack_name: str
    database: str
    parameter_path: str
    buckets: tuple[str, ...]
    tags: Mapping[str, str]
    state_bucket: str = ""
    delete_data: bool = False
    domain: str = ""
    hosted_zone: str = ""

    @property
    def log_groups(self) -> tuple[str, ...]:
        """The log groups of service, tasks and database."""
        return (
            f"/ecs/{self.name}",
            f"/aws/ecs/containerinsights/{self.name}/performance",
            f"{self.database_logs}/postgresql",
            f"{self.database_logs}/upgrade",
        )

    @property
    def worker_families(self) -> str:
        """What the names of the workers' families of task definitions begin with."""
        return f"{self.name}-worker-"

    @property
    def database_logs(self) -> str:
        """The prefix of the log groups of the database, and of instances that rollbacks have made."""
        return f"/aws/rds/instance/{self.database}"


@dataclass(frozen=True)
class Found:
    """The current resources. ``buckets`` have their tags; the rest are names and numbers.

    ``database`` says whether the instance is there, ``database_protected`` whether AWS refuses to delete it.
    ``rollback_instances`` are the instances that rollbacks have left, with their tags. ``leads_here`` says
    whether the domain leads to the load balancer, ``certificate`` is the ARN of the one requested for it.
    ``relays`` are task definitions of the stack, which CloudFormation deregisters and does not delete.
    ``workers`` are those of the workers.
    """

    stack: Stack | None = None
    services: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    images: int = 0
    database: bool = False
    database_protected: bool = False
    rollback_instances: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    snapshots: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    buckets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    leads_here: bool = False
    certificate: str = ""


@dataclass(frozen=True)
class Action:
    """One thing to do: the step, what it is done to, and a sentence about it."""

    step: Step
    subject: str
    text: str

    def report(self) -> dict[str, str]:
        """Return the fields as JSON-able data."""
        return {"step": self.step, "subject": self.subject, "text": self.text}


@dataclass(frozen=True)
class Thing:
    """Something that is there: what it is, its name, and, when it is kept on purpose, why."""

    kind: str
    name: str
    kept: str = ""

    def report(self) -> dict[str, str]:
        """Return the fields as JSON-able data."""
        return {"kind": self.kind, "name": self.name, "kept": self.kept}
