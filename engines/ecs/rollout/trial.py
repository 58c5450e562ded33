"""A trial: one task of the new revision that gets no requests, before the service is touched.

What crashes a little after it was found healthy cannot be undone without users noticing once it serves them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engines.aws import translated
from engines.ecs import plan
from engines.ecs.errors import RolloutError
from engines.ecs.inspection import Clients
from engines.ecs.model import Release, Wait, WantedService
from engines.ecs.rollout import explain
from engines.ecs.rollout.explain import Explanation
from engines.ecs.rollout.watch import short
from engines.events import Emit

_PAUSE = 0.5
# As long as ECS has always allowed it to be.
_LONGEST_STARTED_BY = 36


def run(
    clients: Clients,
    release: Release,
    service: WantedService,
    *,
    arn: str,
    seconds: float,
    wait: Wait,
    report: Emit,
) -> None:
    """Run one task of revision ``arn`` until it has been up for ``seconds``, and stop it.

    With a health check of its own, the time counts from when that has passed. Raises ``RolloutError`` when
    the task does not get there within ``wait.timeout``, ends, or is found unhealthy. The service stays as it
    is.
    """
    for left in _tasks(clients, service):
        _stop(clients, service, left)
    report("ecs.trial", service=service.name, text=f"running one task of {short(arn)} apart from the service")
    task = _start(clients, release, service, arn)
    try:
        checked = bool(release.health_check_command)
        ended = _watch(clients, service, task, seconds, wait, checked=checked, report=report)
    finally:
        _stop(clients, service, task)
    if ended:
        raise _refusal(clients, release, service, arn, ended)


def _start(clients: Clients, release: Release, service: WantedService, arn: str) -> str:
    with translated(f"trial of {short(arn)}"):
        answer = clients.ecs.run_task(
            cluster=service.cluster,
            taskDefinition=arn,
            launchType="FARGATE",
            count=1,
            clientToken=str(uuid.uuid4()),  # a repeated call starts no second task
            startedBy=_started_by(service),
            networkConfiguration=plan.settings(service, release)["networkConfiguration"],
            tags=plan.tags_of(service.tags),
        )
    if answer.get("failures"):
        raise RolloutError(
            f"a trial task could not be placed: {answer['failures'][0].get('reason', 'no reason given')}",
            subject=f"service {service.name}",
            remedy="The service was not touched. Run the same command again.",
        )
    return str(answer["tasks"][0]["taskArn"])


def _watch(
    clients: Clients,
    service: WantedService,
    task: str,
    seconds: float,
    wait: Wait,
    *,
    checked: bool,
    report: Emit,
) -> Mapping[str, Any] | None:
    """Return the task if its trial failed; ``None`` if it passed."""
    begun, up = time.monotonic(), None
    reported = begun
    while True:
        with translated(f"trial task {task}"):
            found = clients.ecs.describe_tasks(cluster=service.cluster, tasks=[task])["tasks"]
        # A task that was started a moment ago may not be known everywhere yet.
        now = found[0] if found else {"taskArn": task, "lastStatus": "PROVISIONING"}
        if now["lastStatus"] == "STOPPED" or now.get("healthStatus") == "UNHEALTHY":
            return dict(now)
        well = now["lastStatus"] == "RUNNING" and (not checked or now.get("healthStatus") == "HEALTHY")
        up = (up or time.monotonic()) if well else None
        if up is not None and time.monotonic() - up >= seconds:
            return None
        if up is None and time.monotonic() - begun > wait.timeout:
            return {**now, "stoppedReason": f"was not up and healthy in {wait.timeout:g} s"}
        if time.monotonic() - reported > wait.heartbeat:
            reported = time.monotonic()
            since = (
                f"for {reported - up:.0f} of {seconds:g} s"
                if up
                else f"{reported - begun:.0f} s after its start"
            )
            report("ecs.trial", service=service.name, text=f"the trial task is {now['lastStatus']} {since}")
        time.sleep(min(_PAUSE, seconds))


def _refusal(
    clients: Clients, release: Release, service: WantedService, arn: str, task: Mapping[str, Any]
) -> RolloutError:
    why = Explanation(stopped=explain.stopped(clients, release, [task]))
    return RolloutError(
        f"release {short(arn)} did not stand its trial, and the service was not touched.\n{why.text()}",
        subject=f"service {service.name}",
        remedy="Correct what is named above and run the same command again.",
        details={"reason": "trial", "explanation": asdict(why), "restored": {}},
    )


def _tasks(clients: Clients, service: WantedService) -> list[str]:
    with translated("trial tasks"):
        answer = clients.ecs.list_tasks(cluster=service.cluster, startedBy=_started_by(service))
    return list(answer["taskArns"])


def _stop(clients: Clients, service: WantedService, task: str) -> None:
    with translated(f"trial task {task}"):
        clients.ecs.stop_task(cluster=service.cluster, task=task, reason="The trial is over")


def _started_by(service: WantedService) -> str:
    """Return by what a trial is found again that a killed run has left behind."""
    return f"trial-{service.name}"[:_LONGEST_STARTED_BY]
