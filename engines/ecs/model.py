"""A release as data: wanted state, current state, and the calls that lead from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engines.smoke import DIRECT, Route

# Stands in a plan for what an earlier phase has yet to make: a dry run on an empty account has a plan too.
NOT_KNOWN_YET = "(not known yet)"


@dataclass(frozen=True)
class Release:
    """One container image and everything it needs to run on Fargate.

    ``cpu`` is in CPU units (1024 = one vCPU), ``memory`` in MiB. ``secrets`` maps an environment variable to
    the name or ARN of the parameter that holds it; the value itself is never here. A health check that
    fails within ``health_grace`` seconds after the start does not count. A ``container_port`` of 0 is none;
    an empty ``entry_point`` or ``command`` is the image's own.
    """

    family: str
    image: str
    container_port: int
    cpu: int
    memory: int
    execution_role_arn: str
    task_role_arn: str
    log_group: str
    region: str
    environment: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    health_check_command: Sequence[str] = ()
    health_grace: int = 0
    platform: str = "linux/amd64"
    entry_point: Sequence[str] = ()
    command: Sequence[str] = ()

    @property
    def container(self) -> str:
        """The name of the only container, which is also the prefix of its log streams."""
        return self.family


@dataclass(frozen=True)
class Difference:
    """One field that is not as wanted; ``None`` where a side does not have it."""

    path: str
    before: object
    after: object


Kind = Literal["register", "create", "update", "tag", "delete"]


@dataclass(frozen=True)
class WantedService:
    """The wanted service. ``health_grace`` is in seconds, and counts only behind a load balancer.

    ``execute_command`` is whether an operator may open a shell in a task (ECS Exec). ``adopt`` names the
    environment that may take over a service of this name without tags.
    """

    cluster: str
    name: str
    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]
    assign_public_ip: bool = False
    target_group_arn: str = ""
    desired_count: int = 1
    health_grace: int = 60
    execute_command: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    adopt: str = ""


@dataclass(frozen=True)
class Current:
    """What ECS says: the service, the definition it runs, the family's latest; ``None``: there is none."""

    service: Mapping[str, Any] | None = None
    running: Mapping[str, Any] | None = None
    latest: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Action:
    """One call to ECS; a revision that is only registered on the way is added to ``request`` then."""

    kind: Kind
    text: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Wait:
    """Seconds. ``timeout`` counts from the last progress; the pauses grow from ``first`` to ``longest``.

    For ``steady`` the goal has to stay reached: a task can crash after it was found healthy.
    """

    timeout: float
    first: float = 0.5
    longest: float = 5.0
    heartbeat: float = 15.0
    steady: float = 0.0


@dataclass(frozen=True)
class Scaling:
    """Between how many tasks, and at which average use in percent of what a task has; 0 is no policy."""

    minimum: int
    maximum: int
    cpu: float = 0
    memory: float = 0


@dataclass(frozen=True)
class Probe:
    """The request that says what users get; an empty ``path`` is none.

    The answer names the running image at ``json``, a path in its body, or in ``header``. With neither, one of
    ``status`` is enough: which image runs is known from ECS, and which tasks are served from their targets.
    """

    path: str = ""
    status: Sequence[int] = (200,)
    json: str = ""
    header: str = ""


NO_PROBE = Probe()


@dataclass(frozen=True)
class DeployRequest:
    """All that a release is made from; ``url`` is where users reach the service (empty: not checked).

    It is reached by ``route``: a release is watched before DNS leads to it.
    ``trial`` is for how many seconds one task runs apart before a running service is updated; 0 for none.
    ``scaling`` of ``None`` leaves autoscaling alone.
    """

    release: Release
    service: WantedService
    wait: Wait
    url: str = ""
    probe: Probe = NO_PROBE
    trial: float = 0.0
    scaling: Scaling | None = None
    route: Route = DIRECT


@dataclass(frozen=True)
class Call:
    """One call to Application Auto Scaling, by the name of boto3's method."""

    method: str
    text: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Steps:
    """The calls, and what to say of autoscaling as a whole."""

    calls: tuple[Call, ...] = ()
    text: str = ""
