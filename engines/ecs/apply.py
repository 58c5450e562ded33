"""Applying a plan, waiting until the rollout is complete, and returning to the last revision if it fails."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import inspection, plan, registration, scaling
from engines.ecs.errors import CertificateRefusedError, ReleaseConfigurationError
from engines.ecs.inspection import Clients
from engines.ecs.model import (
    NOT_KNOWN_YET,
    Current,
    DeployRequest,
    Steps,
)
from engines.ecs.plan import Plan
from engines.ecs.results import Outcome
from engines.ecs.rollout import FailedRelease, Goal, Observer, failure, short, trial
from engines.events import Emit, emit
from engines.smoke import CertificateError, Http

# Timeout in seconds of one request to the service while polling; the next poll follows soon.
LOOK_TIMEOUT = 5.0
# Clocks of two machines: events of the very beginning must not be lost.
_SKEW = timedelta(seconds=2)


def preview(request: DeployRequest, clients: Clients) -> Outcome:
    """Return what ``deploy`` would do, having only read; earlier phases may have yet to run."""
    current, steps = Current(), Steps()
    if NOT_KNOWN_YET not in (request.service.cluster, request.service.name):
        current = inspection.current(
            clients, request.service.cluster, request.service.name, request.release.family
        )
        steps = scaling.look(clients, request.scaling, request.service)
    request = _scaled(request, current)
    return replace(planned(plan.make(request.release, request.service, current), current), scaling=steps)


def planned(steps: Plan, current: Current) -> Outcome:
    """Return the outcome of a dry run."""
    return Outcome(
        steps,
        steps.definition_arn,
        steps.registers,
        _deployment(current.service),
        0.0,
        "nothing was changed: a dry run",
        _revision(current),
    )


def deploy(request: DeployRequest, clients: Clients, report: Emit = emit) -> Outcome:
    """Make the release and wait until users have it.

    Raises ``RolloutError`` when they do not get it; the service is then back on its last good revision, or
    the error says that it is not. Raises ``AwsError`` when AWS refuses a call.
    """
    require_complete(request)
    current = inspection.current(
        clients, request.service.cluster, request.service.name, request.release.family
    )
    request = _scaled(request, current)
    outcome = execute(request, plan.make(request.release, request.service, current), current, clients, report)
    steps = scaling.look(clients, request.scaling, request.service)
    scaling.apply(clients, steps)
    return replace(outcome, scaling=steps)


def try_out(request: DeployRequest, clients: Clients, report: Emit = emit) -> Outcome:
    """Register the revision and run one task of it apart from the service, which stays as it is.

    Nothing is tried where the service runs this very revision. Raises ``RolloutError`` when the task does not
    stand its trial.
    """
    require_complete(request)
    require_certificate(request)
    start = time.monotonic()
    current = inspection.current(
        clients, request.service.cluster, request.service.name, request.release.family
    )
    steps = plan.make(request.release, request.service, current)
    registering = replace(steps, actions=tuple(one for one in steps.actions if one.kind == "register"))
    arn, _ = _apply(request, registering, current, clients, report)
    if not plan.runs(current.service, arn):
        _try(request, arn, clients, report)
    found = planned(registering, current)
    seconds = round(time.monotonic() - start, 1)
    return replace(found, definition_arn=arn, seconds=seconds, text="one task stood its trial")


def execute(request: DeployRequest, steps: Plan, current: Current, clients: Clients, report: Emit) -> Outcome:
    """Do ``steps`` and wait until users have what ``request`` describes. Raises as ``deploy`` does."""
    require_certificate(request)
    start, began = time.monotonic(), datetime.now(UTC) - _SKEW
    arn, now = _apply(request, steps, current, clients, report)
    goal = goal_of(request, arn, plan.primary(now).get("id", ""))
    # A rollout that an earlier run has begun and not seen the end of has yet to prove itself, too.
    is_settled = not steps.actions and plan.primary(now).get("rolloutState") == "COMPLETED"
    wait = replace(request.wait, steady=0) if is_settled else request.wait
    with Http(request.url, request.route, window=0, timeout=LOOK_TIMEOUT) as http:
        observer = Observer(clients, http, wait, report)
        try:
            verdict = observer.until(goal)
        except AwsError as error:
            raise _unwatched(error, arn) from error
        if verdict.state != "done":
            lost = FailedRelease(request.release, request.service, goal, verdict, current, began)
            raise failure(lost, observer)
    return Outcome(
        plan=steps,
        definition_arn=arn,
        registered=steps.registers,
        deployment=_deployment(inspection.describe(clients, request.service.cluster, request.service.name)),
        seconds=round(time.monotonic() - start, 1),
        text=verdict.text,
        previous_arn=_revision(current),
    )


def require_certificate(request: DeployRequest) -> None:
    """Refuse to begin where users would not accept the certificate, whatever the release is like."""
    try:
        with Http(request.url, request.route, window=0, timeout=LOOK_TIMEOUT) as http:
            http.certify(request.url)
    except CertificateError as error:
        raise CertificateRefusedError(
            f"{error.what}, so nothing was released", subject=request.url, remedy=error.remedy
        ) from error


def _scaled(request: DeployRequest, current: Current) -> DeployRequest:
    there = current.service if plan.is_there(current.service) else None
    return replace(request, service=scaling.within(request.service, request.scaling, there))


def require_complete(request: DeployRequest) -> None:
    """Refuse what only a dry run may leave open, and numbers that make no sense."""
    if request.scaling:
        scaling.check(request.scaling)
    empty = [
        name
        for name, value in (
            ("cluster", request.service.cluster),
            ("service", request.service.name),
            ("image", request.release.image),
            ("execution_role_arn", request.release.execution_role_arn),
            ("subnet_ids", "".join(request.service.subnet_ids)),
        )
        if not value or value == NOT_KNOWN_YET
    ]
    if empty:
        raise ReleaseConfigurationError(
            "is empty",
            subject=", ".join(empty),
            remedy="The phases provision and container set these: run them first.",
        )


def _apply(
    request: DeployRequest, steps: Plan, current: Current, clients: Clients, report: Emit
) -> tuple[str, Mapping[str, Any]]:
    """Carry the actions out, in order. Return the ARN of the revision and the service as it is then."""
    arn, now = steps.definition_arn, current.service or {}
    before = str((current.latest or {}).get("taskDefinitionArn", ""))
    for action in steps.actions:
        if action.kind == "update" and request.trial and arn != now["taskDefinition"]:
            _try(request, arn, clients, report)
        report(f"ecs.{action.kind}", text=action.text)
        arguments = dict(action.request)
        with translated(action.text):
            if action.kind == "register":
                arn = registration.register(clients, arguments, before)
            elif action.kind == "create":
                token = str(uuid.uuid4())  # a repeated call makes no second service
                arguments = {"taskDefinition": arn, "clientToken": token, **arguments}
                now = clients.ecs.create_service(**arguments)["service"]
            elif action.kind == "update":
                if steps.registers:
                    arguments["taskDefinition"] = arn
                now = clients.ecs.update_service(**arguments)["service"]
            else:
                clients.ecs.tag_resource(**arguments)
    return arn, now


def _try(request: DeployRequest, arn: str, clients: Clients, report: Emit) -> None:
    trial.run(
        clients,
        request.release,
        request.service,
        arn=arn,
        seconds=request.trial,
        wait=request.wait,
        report=report,
    )


def goal_of(request: DeployRequest, arn: str, deployment_id: str) -> Goal:
    """Return what has to be seen until users have the release."""
    return Goal(
        cluster=request.service.cluster,
        service=request.service.name,
        deployment_id=deployment_id,
        definition_arn=arn,
        # Empty for a revision of somebody else's whose image is a tag; a release of ours has a digest.
        digest=request.release.image.partition("@")[2],
        url=request.url,
        probe=request.probe,
        target_group_arn=request.service.target_group_arn,
    )


def _unwatched(error: AwsError, arn: str) -> AwsError:
    return AwsError(
        f"{error.what}. The rollout of {short(arn)} continues unwatched",
        subject=error.subject,
        remedy=f"{error.remedy} The same command watches it to its end, or undoes it.".strip(),
        code=error.code,
    )


def _deployment(now: Mapping[str, Any] | None) -> dict[str, str]:
    first = plan.primary(now or {})
    return {"id": str(first.get("id", "")), "rollout_state": str(first.get("rolloutState", ""))}


def _revision(current: Current) -> str:
    return str((current.service or {}).get("taskDefinition", ""))
