"""A service and its workers, released as one unit.

A worker is a service of its own that nobody sends requests to. Workers come last, in their order, and when
one of them fails, everything that was released before it goes back too. One that does not run yet is started
only if the source's are known to be stopped: two sides must never work on the same jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import apply, inspection, plan, rollback
from engines.ecs.errors import RolloutError
from engines.ecs.inspection import Clients
from engines.ecs.model import NOT_KNOWN_YET, Action, Current, DeployRequest
from engines.ecs.results import Outcome, Released
from engines.ecs.rollback import RollbackRequest
from engines.ecs.rollout import FailedRelease, Observer, Verdict, restore
from engines.events import Emit, emit
from engines.ownership import require_ours
from engines.smoke import Http
from engines.waiting import wait

_INFIX = "-worker-"


@dataclass(frozen=True)
class Unit:
    """What is released together. ``may_start``: workers that do not run yet may be started."""

    service: DeployRequest
    workers: tuple[DeployRequest, ...] = ()
    may_start: bool = False


@dataclass(frozen=True)
class _Done:
    """A release that has reached its users, and what ran before it."""

    request: DeployRequest
    before: Current
    outcome: Outcome


def name_of(service: str, worker: str) -> str:
    """Return the name that a worker's service and its family of task definitions have."""
    return f"{service}{_INFIX}{worker}"


def preview(unit: Unit, clients: Clients) -> Released:
    """Return what ``deploy`` would do, having only read; earlier phases may have yet to run."""
    due, held = _due(unit, clients)
    return Released(
        apply.preview(unit.service, clients),
        {one.service.name: apply.preview(one, clients) for one in due},
        held,
        tuple(_ending(unit, clients)),
    )


def deploy(unit: Unit, clients: Clients, report: Emit = emit) -> Released:
    """Release the service, then its workers; end those that are no longer wanted.

    What can be refused is refused before anything is changed. Raises as ``apply.deploy`` does.
    """
    due, held = _due(unit, clients)
    ending = _ending(unit, clients)
    for one in due:
        apply.require_complete(one)
        plan.make(one.release, one.service, _current(one, clients))
    done: list[_Done] = []
    for one in (unit.service, *due):
        before = _current(one, clients) if due else Current()
        try:
            done.append(_Done(one, before, apply.deploy(one, clients, report)))
        except (RolloutError, AwsError) as error:
            if not done:
                raise
            raise _put_back(done, error, clients, report) from error
    for action in ending:
        report("ecs.delete", text=action.text)
        _delete(action.request, clients)
    workers = {one.request.service.name: one.outcome for one in done[1:]}
    return Released(done[0].outcome, workers, held, tuple(ending))


def roll_back(
    request: RollbackRequest,
    workers: Mapping[str, Mapping[str, str]],
    clients: Clients,
    *,
    check: bool,
    report: Emit = emit,
) -> Released:
    """Go back with the service, and with its workers to what was released with that revision.

    ``workers`` has, for the ARN of each revision of the service, those of its workers by the names of their
    services. One that is not there, or runs that revision, is not touched.
    """
    outcome = rollback.roll_back(request, clients, check=check, report=report)
    back = {}
    for name, arn in workers.get(outcome.definition_arn, {}).items():
        found = inspection.describe(clients, request.cluster, name)
        if plan.is_there(found) and found["taskDefinition"] != arn:
            asked = RollbackRequest(request.cluster, name, request.wait, to=arn)
            back[name] = rollback.roll_back(asked, clients, check=check, report=report)
    return Released(outcome, back)


def stop(
    cluster: str, service: str, clients: Clients, *, timeout: float, check: bool, tags: Mapping[str, str]
) -> list[str]:
    """Let no worker of the service run, and return their names. A release starts them again.

    Raises ``RolloutError`` when the tasks do not end.
    """
    found = _workers(cluster, service, clients) if cluster else []
    running = [one for one in found if _tasks_of(one)]
    for one in running:
        require_ours(f"service {one['serviceName']}", plan.tags_carried(one), tags)
    if running and not check:
        for one in running:
            with translated(f"service {one['serviceName']}"):
                clients.ecs.update_service(cluster=cluster, service=one["serviceName"], desiredCount=0)
        _until_ended(cluster, service, clients, timeout)
    return [str(one["serviceName"]) for one in running]


def _until_ended(cluster: str, service: str, clients: Clients, timeout: float) -> None:
    def left() -> int:
        found = _workers(cluster, service, clients)
        return sum(int(one["runningCount"]) + int(one["pendingCount"]) for one in found)

    def stuck(tasks: int) -> RolloutError:
        return RolloutError(
            f"{tasks} tasks of its workers have not ended in {timeout:g} s",
            subject=f"service {service}",
            remedy="Look at them in the AWS console, and run the same command again.",
        )

    wait(left, lambda tasks: not tasks, lambda tasks: tasks, timeout=timeout, stuck=stuck)


def _due(unit: Unit, clients: Clients) -> tuple[list[DeployRequest], tuple[str, ...]]:
    """Return the workers to release, and the names of those that must not be started."""
    due, held = [], []
    for one in unit.workers:
        found = _current(one, clients).service
        runs = plan.is_there(found) and int(found.get("desiredCount", 0)) > 0
        if runs or unit.may_start or not one.service.desired_count:
            due.append(one)
        else:
            held.append(one.service.name)
    return due, tuple(held)


def _current(request: DeployRequest, clients: Clients) -> Current:
    service = request.service
    if NOT_KNOWN_YET in (service.cluster, service.name):
        return Current()
    return inspection.current(clients, service.cluster, service.name, request.release.family)


def _ending(unit: Unit, clients: Clients) -> list[Action]:
    """Return the deletion of each worker that is no longer wanted. Raises ``RefusedError``."""
    service = unit.service.service
    if NOT_KNOWN_YET in (service.cluster, service.name):
        return []
    wanted = {one.service.name for one in unit.workers}
    actions = []
    for one in _workers(service.cluster, service.name, clients):
        name = str(one["serviceName"])
        if name not in wanted:
            require_ours(f"service {name}", plan.tags_carried(one), service.tags, service.adopt)
            request = {"cluster": service.cluster, "service": name}
            actions.append(Action("delete", f"end service {name}, which is no longer wanted", request))
    return actions


def _delete(request: Mapping[str, Any], clients: Clients) -> None:
    with translated(f"service {request['service']}"):
        clients.ecs.update_service(**request, desiredCount=0)
        clients.ecs.delete_service(**request, force=True)


def _workers(cluster: str, service: str, clients: Clients) -> list[Mapping[str, Any]]:
    """Return the services in the cluster that are workers of this one."""
    try:
        with translated(f"cluster {cluster}"):
            pages = clients.ecs.get_paginator("list_services").paginate(cluster=cluster)
            names = [arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]]
    except AwsError as error:
        if error.code == "ClusterNotFoundException":
            return []
        raise
    ours = sorted(name for name in names if name.startswith(f"{service}{_INFIX}"))
    found = [inspection.describe(clients, cluster, name) for name in ours]
    return [one for one in found if one is not None and one["status"] == "ACTIVE"]


def _tasks_of(found: Mapping[str, Any]) -> int:
    return sum(int(found.get(name) or 0) for name in ("desiredCount", "runningCount", "pendingCount"))


def _put_back(
    done: Sequence[_Done], error: RolloutError | AwsError, clients: Clients, report: Emit
) -> RolloutError | AwsError:
    """Bring back what was released before the failure, last first, and return the error to raise."""
    changed = [one for one in reversed(done) if one.outcome.plan.actions]
    lines = [f"{one.request.service.name}: {_restored(one, clients, report)}" for one in changed]
    what = "\n".join([error.what, *lines])
    if isinstance(error, AwsError):
        return AwsError(
            what, subject=error.subject, remedy=error.remedy, code=error.code, is_passing=error.is_passing
        )
    details = error.details if isinstance(error.details, Mapping) else {}
    # The service itself had reached its users.
    details = {**details, "served": True, "put_back": lines}
    return RolloutError(what, subject=error.subject, remedy=error.remedy, details=details)


def _restored(one: _Done, clients: Clients, report: Emit) -> str:
    request = one.request
    goal = apply.goal_of(request, one.outcome.definition_arn, one.outcome.deployment["id"])
    lost = FailedRelease(
        request.release, request.service, goal, Verdict("failed", ""), one.before, datetime.now(UTC)
    )
    with Http(request.url, request.route, window=0, timeout=apply.LOOK_TIMEOUT) as http:
        observer = Observer(clients, http, replace(request.wait, steady=0), report)
        return _said(lambda: restore(lost, observer).text)


def _said(act: Callable[[], str]) -> str:
    try:
        return act()
    except AwsError as error:
        return f"It could not be brought back to what ran before: {error.what}."
