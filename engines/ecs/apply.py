"""Doing what the plan says, waiting until users have it, and going back when they do not get it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import inspection, plan, recovery, scaling, trial
from engines.ecs.errors import ReleaseConfigurationError
from engines.ecs.inspection import Clients
from engines.ecs.plan import Current, Plan, Service
from engines.ecs.recovery import Lost
from engines.ecs.scaling import Scaling, Steps
from engines.ecs.task_definition import NOT_KNOWN_YET, Release
from engines.ecs.watch import Goal, Observer, Wait, short
from engines.events import Emit, emit
from engines.smoke.http import Http

# Only this long does one look wait for the service to answer; the next look comes soon.
_LOOK_TIMEOUT = 5.0
# Clocks of two machines: events of the very beginning must not be lost.
_SKEW = timedelta(seconds=2)


@dataclass(frozen=True)
class Outcome:
    """What was done and what runs now. ``deployment`` has ``id`` and ``rollout_state``.

    ``came_from`` is the revision that the service had before, empty if there was no service.
    """

    plan: Plan
    definition_arn: str
    registered: bool
    deployment: Mapping[str, str]
    seconds: float
    text: str
    came_from: str = ""
    scaling: Steps = field(default_factory=Steps)

    @property
    def changed(self) -> bool:
        """Whether AWS was, or in a dry run would be, told to change anything."""
        return bool(self.plan.actions or self.scaling.calls)

    @property
    def actions(self) -> list[str]:
        """What was done, or would be, in words."""
        return [each.text for each in self.plan.actions] + [each.text for each in self.scaling.calls]


@dataclass(frozen=True)
class Order:
    """All that a release is made from; ``url`` is where users reach the service (empty: not looked at).

    ``trial`` is for how many seconds one task runs apart before a running service is updated; 0 for none.
    ``scaling`` of ``None`` leaves autoscaling alone.
    """

    release: Release
    service: Service
    wait: Wait
    url: str = ""
    health_path: str = "/health"
    trial: float = 0.0
    scaling: Scaling | None = None


def preview(order: Order, clients: Clients) -> Outcome:
    """Return what ``deploy`` would do, having only read; earlier phases may have yet to run."""
    current, steps = Current(), Steps()
    if NOT_KNOWN_YET not in (order.service.cluster, order.service.name):
        current = inspection.current(clients, order.service.cluster, order.service.name, order.release.family)
        steps = scaling.look(clients, order.scaling, order.service)
    order = _scaled(order, current)
    return replace(planned(plan.make(order.release, order.service, current), current), scaling=steps)


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


def deploy(order: Order, clients: Clients, tell: Emit = emit) -> Outcome:
    """Make the release and wait until users have it.

    Raises ``RolloutError`` when they do not get it; the service is then back on its last good revision, or
    the error says that it is not. Raises ``AwsError`` when AWS refuses a call.
    """
    _insist(order)
    current = inspection.current(clients, order.service.cluster, order.service.name, order.release.family)
    order = _scaled(order, current)
    outcome = carry_out(order, plan.make(order.release, order.service, current), current, clients, tell)
    steps = scaling.look(clients, order.scaling, order.service)
    scaling.apply(clients, steps)
    return replace(outcome, scaling=steps)


def try_out(order: Order, clients: Clients, tell: Emit = emit) -> Outcome:
    """Register the revision and run one task of it apart from the service, which stays as it is.

    Nothing is tried where the service runs this very revision. Raises ``RolloutError`` when the task does not
    stand its trial.
    """
    _insist(order)
    start = time.monotonic()
    current = inspection.current(clients, order.service.cluster, order.service.name, order.release.family)
    steps = plan.make(order.release, order.service, current)
    registering = replace(steps, actions=tuple(one for one in steps.actions if one.kind == "register"))
    arn, _ = _apply(order, registering, current, clients, tell)
    if not plan.runs(current.service, arn):
        _try(order, arn, clients, tell)
    found = planned(registering, current)
    seconds = round(time.monotonic() - start, 1)
    return replace(found, definition_arn=arn, seconds=seconds, text="one task stood its trial")


def carry_out(order: Order, steps: Plan, current: Current, clients: Clients, tell: Emit) -> Outcome:
    """Do ``steps`` and wait until users have what ``order`` describes. Raises as ``deploy`` does."""
    start, began = time.monotonic(), datetime.now(UTC) - _SKEW
    arn, now = _apply(order, steps, current, clients, tell)
    goal = _goal(order, arn, plan.primary(now).get("id", ""))
    # A rollout that an earlier run has begun and not seen the end of has yet to prove itself, too.
    is_settled = not steps.actions and plan.primary(now).get("rolloutState") == "COMPLETED"
    wait = replace(order.wait, steady=0) if is_settled else order.wait
    with Http(window=0, timeout=_LOOK_TIMEOUT) as http:
        observer = Observer(clients, http, wait, tell)
        try:
            verdict = observer.until(goal)
        except AwsError as error:
            raise _unwatched(error, arn) from error
        if verdict.state != "done":
            lost = Lost(order.release, order.service, goal, verdict, current, began)
            raise recovery.failure(lost, observer)
    return Outcome(
        plan=steps,
        definition_arn=arn,
        registered=steps.registers,
        deployment=_deployment(inspection.describe(clients, order.service.cluster, order.service.name)),
        seconds=round(time.monotonic() - start, 1),
        text=verdict.text,
        came_from=_revision(current),
    )


def _scaled(order: Order, current: Current) -> Order:
    there = current.service if plan.is_there(current.service) else None
    return replace(order, service=scaling.within(order.service, order.scaling, there))


def _insist(order: Order) -> None:
    """Refuse what only a dry run may leave open, and numbers that make no sense."""
    if order.scaling:
        scaling.check(order.scaling)
    empty = [
        name
        for name, value in (
            ("cluster", order.service.cluster),
            ("service", order.service.name),
            ("image", order.release.image),
            ("execution_role_arn", order.release.execution_role_arn),
            ("subnet_ids", "".join(order.service.subnet_ids)),
        )
        if not value or value == NOT_KNOWN_YET
    ]
    if empty:
        raise ReleaseConfigurationError(
            "is empty",
            subject=", ".join(empty),
            remedy="The phases provision and container hand these over: run them first.",
        )


def _apply(
    order: Order, steps: Plan, current: Current, clients: Clients, tell: Emit
) -> tuple[str, Mapping[str, Any]]:
    """Carry the actions out, in order. Return the ARN of the revision and the service as it is then."""
    arn, now = steps.definition_arn, current.service or {}
    for action in steps.actions:
        if action.kind == "update" and order.trial and arn != now["taskDefinition"]:
            _try(order, arn, clients, tell)
        tell(f"ecs.{action.kind}", text=action.text)
        request = dict(action.request)
        with translated(action.text):
            if action.kind == "register":
                arn = clients.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
            elif action.kind == "create":
                now = clients.ecs.create_service(**{"taskDefinition": arn, **request})["service"]
            elif action.kind == "update":
                if steps.registers:
                    request["taskDefinition"] = arn
                now = clients.ecs.update_service(**request)["service"]
            else:
                clients.ecs.tag_resource(**request)
    return arn, now


def _try(order: Order, arn: str, clients: Clients, tell: Emit) -> None:
    trial.run(clients, order.release, order.service, arn=arn, seconds=order.trial, wait=order.wait, tell=tell)


def _goal(order: Order, arn: str, deployment_id: str) -> Goal:
    return Goal(
        cluster=order.service.cluster,
        service=order.service.name,
        deployment_id=deployment_id,
        definition_arn=arn,
        # Empty for a revision of somebody else's whose image is a tag; a release of ours has a digest.
        digest=order.release.image.partition("@")[2],
        url=order.url,
        health_path=order.health_path,
        target_group_arn=order.service.target_group_arn,
    )


def _unwatched(error: AwsError, arn: str) -> AwsError:
    return AwsError(
        f"{error.what}. The rollout of {short(arn)} goes on unwatched",
        subject=error.subject,
        remedy=f"{error.remedy} The same command watches it to its end, or undoes it.".strip(),
        code=error.code,
    )


def _deployment(now: Mapping[str, Any] | None) -> dict[str, str]:
    first = plan.primary(now or {})
    return {"id": str(first.get("id", "")), "rollout_state": str(first.get("rolloutState", ""))}


def _revision(current: Current) -> str:
    return str((current.service or {}).get("taskDefinition", ""))
