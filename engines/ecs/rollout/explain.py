"""Why a release failed, in one message: stopped tasks, exit codes, last log lines, target health, events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from engines.aws import AwsError, client, translated
from engines.ecs import inspection
from engines.ecs.inspection import Clients, Target
from engines.ecs.model import Release
from engines.ecs.task_definition import secrets_of

_TASKS = 3
_LINES = 20
_EVENTS = 5
_LONGEST_LINE = 400
_HEALTH_EVENT = re.compile(r"is unhealthy in .*due to \(reason (.+)\)")
_PASSWORD_IN_URL = re.compile(r"(\w+://[^\s:/@]*):[^\s@]+@")
# Shorter ones would also blot out ordinary words, and no secret worth the name is.
_SHORTEST_SECRET = 4
MASK = "********"


@dataclass(frozen=True)
class StoppedTask:
    """A task of the failed revision. ``containers`` says how each ended; ``lines`` are its last log lines."""

    task_id: str
    reason: str
    containers: tuple[str, ...]
    log_stream: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """What was found out about a failed release; what is missing is empty.

    ``health`` is the result of the load balancer's health checks of this release's tasks.
    """

    stopped: tuple[StoppedTask, ...] = ()
    health: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as several lines of text; empty when nothing was found."""
        lines: list[str] = []
        for task, others in self._alike():
            more = f" (and {others} more like it)" if others else ""
            lines.append(f"Task {task.task_id} stopped{more}: {task.reason}")
            lines += [f"  {ended}" for ended in task.containers]
            if task.lines:
                lines.append(f"  Last lines of {task.log_stream}:")
                lines += [f"    {line}" for line in task.lines]
        lines += [f"Load balancer: {text}" for text in self.health]
        lines += [f"Target {target}" for target in self.targets]
        if not self.stopped:
            lines += [f"Event: {event}" for event in self.events]
        return "\n".join(lines)

    def _alike(self) -> list[tuple[StoppedTask, int]]:
        """Return each way in which tasks ended once, with how many others ended like it."""
        groups: dict[tuple[object, ...], list[StoppedTask]] = {}
        for task in self.stopped:
            groups.setdefault((task.reason, task.containers, task.lines), []).append(task)
        return [(tasks[0], len(tasks) - 1) for tasks in groups.values()]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def collect(
    clients: Clients,
    release: Release,
    *,
    cluster: str,
    name: str,
    definition_arn: str,
    target_group_arn: str,
    since: datetime,
) -> Explanation:
    """Ask ECS, CloudWatch Logs and the load balancer. Where one of them refuses, its part is left out."""
    ended: list[Mapping[str, Any]] = []
    now: Mapping[str, Any] = {}
    targets: Sequence[Target] = ()
    with suppress(AwsError):
        ended = list(inspection.tasks(clients, cluster, name, "STOPPED"))
    with suppress(AwsError):
        now = inspection.describe(clients, cluster, name) or {}
    with suppress(AwsError):
        targets = inspection.targets(clients, target_group_arn) if target_group_arn else ()
    ours = [task for task in ended if task["taskDefinitionArn"] == definition_arn]
    ours.sort(key=_informative, reverse=True)
    recent = [event["message"] for event in now.get("events", []) if event["createdAt"] >= since]
    return Explanation(
        stopped=stopped(clients, release, ours[:_TASKS]),
        health=health(recent, release.container_port, int(now.get("healthCheckGracePeriodSeconds") or 0)),
        targets=unhealthy(targets),
        events=tuple(recent[:_EVENTS]),
    )


def _informative(task: Mapping[str, Any]) -> tuple[bool, str]:
    """Sort key: tasks that ECS stopped only to scale in come last, as they say nothing of the cause."""
    return not str(task.get("stoppedReason", "")).startswith(inspection.SCALED), str(
        task.get("stoppedAt", "")
    )


def stopped(
    clients: Clients, release: Release, tasks: Sequence[Mapping[str, Any]]
) -> tuple[StoppedTask, ...]:
    """Say how tasks of a release ended, with the last lines that they wrote, less its secrets."""
    reader = _LogReader(clients, release)
    return tuple(_stopped(task, reader) for task in tasks)


def health(events: Sequence[str], port: int, grace: int) -> tuple[str, ...]:
    """Say each reason once for which ECS found a task unhealthy, with what it means.

    ``port`` is the container's, ``grace`` the health check grace period in seconds.
    """
    reasons = dict.fromkeys(found[1] for event in events if (found := _HEALTH_EVENT.search(event)))
    return tuple(f"{reason} ({_meaning(reason, port, grace)})" for reason in reasons)


def _meaning(reason: str, port: int, grace: int) -> str:
    if "with these codes" in reason:
        return "the service answers, with a status that its target group does not take for healthy"
    if "timed out" in reason:
        return f"something takes connections on port {port}, or drops them, and does not answer in time"
    return (
        f"nothing answers on port {port}: the container listens on another one, or takes longer to start "
        f"than the health check grace of {grace} s"
    )


def unhealthy(targets: Sequence[Target]) -> tuple[str, ...]:
    """Describe each target that is neither healthy nor draining."""
    return tuple(
        f"{target.address}:{target.port} is {target.state}: {target.reason or 'no reason given'}"
        for target in targets
        if target.state not in {"healthy", "draining"}
    )


def ended(container: Mapping[str, Any]) -> str:
    """Say how a container ended: exit code, ECS's reason, and what a bare number means."""
    name, code = container["name"], container.get("exitCode")
    parts = [f"exit code {code}" if code is not None else "never started"]
    if code == 137 and not container.get("reason"):  # noqa: PLR2004 - 128 + SIGKILL
        # ECS gives a lack of memory as the reason.
        parts.append("killed: too slow to stop, or by hand; not for lack of memory")
    if container.get("reason"):
        parts.append(container["reason"])
    if container.get("healthStatus") == "UNHEALTHY":
        parts.append("its health check failed")
    return f"Container {name}: {'; '.join(parts)}"


def redact(line: str, secrets: Sequence[str]) -> str:
    """Return the line without the secrets, without passwords in URLs, and not endlessly long."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            line = line.replace(secret, MASK)
    return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", line.rstrip())[:_LONGEST_LINE]


class _LogReader:
    """Reads log lines, and takes the release's own secrets out of them."""

    def __init__(self, clients: Clients, release: Release) -> None:
        self._clients = clients
        self._release = release
        self._secrets: list[str] | None = None
        self._withheld = ""

    def stream(self, task_id: str) -> str:
        return f"{self._release.container}/{self._release.container}/{task_id}"

    def lines(self, task_id: str) -> tuple[str, ...]:
        stream = self.stream(task_id)
        try:
            with translated(f"log stream {stream}"):
                answer = self._clients.logs.get_log_events(
                    logGroupName=self._release.log_group,
                    logStreamName=stream,
                    limit=_LINES,
                    startFromHead=False,
                )
        except AwsError as error:
            return () if error.code == "ResourceNotFoundException" else (f"(not readable: {error.what})",)
        secrets = self._secret_values()
        if self._withheld:
            return (self._withheld,)
        return tuple(redact(event["message"], secrets) for event in answer["events"])

    def _secret_values(self) -> list[str]:
        """Return the values to take out. What cannot be read cannot be taken out: no line is shown."""
        if self._secrets is None:
            self._secrets = []
            for variable, place in secrets_of(self._release).items():
                try:
                    with translated(f"secret {variable}"):
                        self._secrets.append(_value(place))
                except AwsError as error:
                    if error.code not in {"ParameterNotFound", "ResourceNotFoundException"}:
                        self._withheld = (
                            f"(withheld: {variable} cannot be read, to be taken out of the lines)"
                        )
        return self._secrets


def _value(place: str) -> str:
    if ":secretsmanager:" in place:
        return str(client("secretsmanager").get_secret_value(SecretId=place).get("SecretString", ""))
    return str(client("ssm").get_parameter(Name=place, WithDecryption=True)["Parameter"]["Value"])


def _stopped(task: Mapping[str, Any], reader: _LogReader) -> StoppedTask:
    task_id = task["taskArn"].rpartition("/")[2]
    reason = task.get("stoppedReason") or task.get("stopCode") or "no reason given"
    return StoppedTask(
        task_id=task_id,
        reason=reason,
        containers=tuple(ended(container) for container in task.get("containers", [])),
        log_stream=reader.stream(task_id),
        lines=reader.lines(task_id),
    )
