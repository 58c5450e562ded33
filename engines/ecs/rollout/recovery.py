"""After a failed release: explain it, return to the last good revision, and wait until that answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import inspection, plan
from engines.ecs.errors import RolloutError
from engines.ecs.model import Current, Release, WantedService
from engines.ecs.rollout import explain
from engines.ecs.rollout.watch import Goal, Observer, Verdict, short

# ECS takes its time between giving a rollout up and moving the service back.
_BREAKER_ACTS = 15.0
_PAUSE = 0.5


@dataclass(frozen=True)
class FailedRelease:
    """A release that is lost: what was wanted, how it ended, what ran ``before``, and when it began."""

    release: Release
    service: WantedService
    goal: Goal
    verdict: Verdict
    before: Current
    began: datetime


@dataclass(frozen=True)
class Restored:
    """What runs after a failure. ``verified``: it was seen to answer."""

    definition_arn: str
    verified: bool
    text: str


def failure(lost: FailedRelease, observer: Observer) -> RolloutError:
    """Restore the last good revision and return the error to raise. Reasons are read first: they vanish."""
    goal, verdict = lost.goal, lost.verdict
    observer = replace(observer, wait=replace(observer.wait, steady=0))
    observer.report("ecs.failed", service=goal.service, state=verdict.state, text=verdict.text)
    why = explain.collect(
        observer.clients,
        lost.release,
        cluster=goal.cluster,
        name=goal.service,
        definition_arn=goal.definition_arn,
        target_group_arn=goal.target_group_arn,
        since=lost.began,
    )
    try:
        restored = restore(lost, observer)
    except AwsError as error:
        restored = Restored("", False, f"It could not be brought back to what ran before: {error.what}.")
    found = why.text()
    return RolloutError(
        f"release {short(goal.definition_arn)} did not reach its users: {verdict.text}"
        + (f"\n{found}\n" if found else ". ")
        + restored.text,
        subject=f"service {goal.service}",
        remedy="Correct what is named above and run the same command again.",
        details={
            "reason": verdict.state,
            "served": verdict.served,
            "explanation": why.as_dict(),
            "restored": asdict(restored),
        },
    )


def restore(lost: FailedRelease, observer: Observer) -> Restored:
    """Bring the service to its last good revision unless ECS has done so, and see that it answers."""
    goal, before = lost.goal, lost.before.service
    good = plan.last_good(before)
    if before is None or not good:
        return Restored("", False, "There is no earlier good revision to go back to.")
    now = _after_the_breaker(observer, goal)
    if now.get("status") != "ACTIVE":
        return Restored("", False, "The service is not there any more: somebody has deleted it meanwhile.")
    if now["taskDefinition"] not in {goal.definition_arn, good}:
        there = now["taskDefinition"]
        return Restored(
            there, False, f"Somebody has moved it to {short(there)} meanwhile, where it was left."
        )
    request = _update_to_restore(lost, before, now, good)
    if good == goal.definition_arn and not request:
        return Restored(
            good, False, f"It is itself the last good revision, {short(good)}: nothing to go back to."
        )
    if request:
        observer.report("ecs.back", service=goal.service, text=f"moving the service back to {short(good)}")
        with translated(f"moving service {goal.service} back to {short(good)}"):
            now = observer.clients.ecs.update_service(**request)["service"]
    aim = replace(
        goal,
        definition_arn=good,
        deployment_id=plan.primary(now).get("id", ""),
        digest=_image_digest(inspection.definition(observer.clients, good)),
    )
    verdict = observer.until(aim)
    if verdict.state == "done":
        return Restored(good, True, f"The service is back on {short(good)}, and answers.")
    return Restored(good, False, f"The service was moved back to {short(good)}, BUT: {verdict.text}.")


def _after_the_breaker(observer: Observer, goal: Goal) -> Mapping[str, Any]:
    """Return the service once the circuit breaker has moved it, or as it is when that does not happen."""
    until = time.monotonic() + _BREAKER_ACTS
    while True:
        now = inspection.describe(observer.clients, goal.cluster, goal.service) or {}
        given_up = plan.deployment(now, goal.deployment_id).get("rolloutState") == "FAILED"
        if now.get("taskDefinition") != goal.definition_arn or not given_up or time.monotonic() > until:
            return now
        time.sleep(_PAUSE)


def _update_to_restore(
    lost: FailedRelease, before: Mapping[str, Any], now: Mapping[str, Any], good: str
) -> dict[str, Any]:
    """Return the update that makes the service what it was; empty when it already is."""
    managed = {key: before[key] for key in plan.settings(lost.service, lost.release) if key in before}
    request = {key: managed[key] for key in plan.setting_differences(managed, now)}
    if now["taskDefinition"] != good:
        request["taskDefinition"] = good
    return {"cluster": lost.goal.cluster, "service": lost.goal.service, **request} if request else {}


def _image_digest(registered: Mapping[str, Any] | None) -> str:
    """Return the digest that a revision's service is given (``IMAGE_DIGEST``); empty if it has none."""
    for container in (registered or {}).get("containerDefinitions", []):
        for item in container.get("environment", []):
            if item["name"] == "IMAGE_DIGEST":
                return str(item["value"])
    return ""
