"""A service and its workers, released as one unit.

A worker is a service of its own that nobody sends requests to. Workers come last, in their order, and when
one of them fails, everything that was released before it goes back too. None is started before the source's
are known to be stopped, by a word or since others of the target work already: two sides must never work on
the same jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from engines.aws import AwsError
from engines.ecs import apply, inspection, plan, rollback, worker_services
from engines.ecs.errors import ReleaseConfigurationError, RolloutError
from engines.ecs.inspection import Clients
from engines.ecs.model import NOT_KNOWN_YET, Action, Current, DeployRequest
from engines.ecs.results import Outcome, Released
from engines.ecs.rollback import RollbackRequest
from engines.ecs.rollout import FailedRelease, Observer, Verdict, restore, short
from engines.ecs.worker_services import Found
from engines.errors import EngineError
from engines.events import Emit, emit
from engines.smoke import Http


@dataclass(frozen=True)
class Unit:
    """What is released together. ``may_start``: workers may be started where none of them works yet."""

    service: DeployRequest
    workers: tuple[DeployRequest, ...] = ()
    may_start: bool = False


@dataclass(frozen=True)
class _Steps:
    """The workers to release, the names of those that must not start, those to end, and lines to report."""

    due: tuple[DeployRequest, ...]
    held: tuple[str, ...]
    ending: tuple[Action, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Done:
    """A release that has reached its users, and what ran before it."""

    request: DeployRequest
    before: Current
    outcome: Outcome


def preview(unit: Unit, clients: Clients) -> Released:
    """Return what ``deploy`` would do, having only read; earlier phases may have yet to run."""
    steps = _steps(unit, clients)
    workers = {one.service.name: apply.preview(one, clients) for one in steps.due}
    return Released(apply.preview(unit.service, clients), workers, steps.held, steps.ending, steps.notes)


def deploy(unit: Unit, clients: Clients, report: Emit = emit) -> Released:
    """Release the service, then its workers; end those that are no longer wanted.

    What can be refused is refused before anything is changed. Raises as ``apply.deploy`` does.
    """
    steps = _steps(unit, clients)
    for one in steps.due:
        apply.require_complete(one)
        plan.make(one.release, one.service, _current(one, clients))
    done: list[_Done] = []
    for one in (unit.service, *steps.due):
        before = _current(one, clients) if steps.due else Current()
        try:
            done.append(_Done(one, before, apply.deploy(one, clients, report)))
        except EngineError as error:
            if not done:
                raise
            lines = [] if plan.last_good(before.service) else [_halted(one, clients)]
            raise _with_lines(error, lines + _put_back(done, clients, report)) from error
    for action in steps.ending:
        report("ecs.delete", text=action.text)
        worker_services.delete(action.request, clients)
    workers = {one.request.service.name: one.outcome for one in done[1:]}
    return Released(done[0].outcome, workers, steps.held, steps.ending, steps.notes)


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
    services. That all of them can be run is found out first, and when one fails, those before it go forward.
    """
    service = rollback.roll_back(request, clients, check=True, report=report)
    asked, notes = _asked(request, service.definition_arn, workers, clients)
    planned = {one.name: _planned(one, clients, report) for one in asked}
    if check:
        return Released(service, planned, notes=notes)
    done: list[tuple[RollbackRequest, Outcome]] = []
    for one in (replace(request, to=service.definition_arn), *asked):
        try:
            done.append((one, rollback.roll_back(one, clients, check=False, report=report)))
        except EngineError as error:
            if not done:
                raise
            lines = [_forward(*each, clients, report) for each in reversed(done) if each[1].changed]
            remedy = (
                f"Correct what is named above, and pass -e rollback_to={short(service.definition_arn)}: "
                "without it the revision before the one that runs is chosen."
            )
            raise _with_lines(error, lines, remedy) from error
    return Released(done[0][1], {one.name: outcome for one, outcome in done[1:]}, notes=notes)


def _steps(unit: Unit, clients: Clients) -> _Steps:
    service = unit.service.service
    found = worker_services.find(service.cluster, service.name, clients, service.tags)
    due, held = _due(unit, found)
    wanted = {one.service.name for one in unit.workers}
    ending = [
        worker_services.end(one, service.cluster) for one in found.ours if one["serviceName"] not in wanted
    ]
    notes = list(
        Found(foreign=tuple(one for one in found.foreign if one[0]["serviceName"] not in wanted)).notes
    )
    if held and ending:
        # It may be the same one under another name.
        notes += [
            f"service {one.request['service']} is not ended while others are not started" for one in ending
        ]
        ending = []
    return _Steps(due, held, tuple(ending), tuple(notes))


def _due(unit: Unit, found: Found) -> tuple[tuple[DeployRequest, ...], tuple[str, ...]]:
    """Return the workers to release, and the names of those that must not be started."""
    wanted = {one.service.name for one in unit.workers}
    # One of a wanted name that is not ours is adopted, or refused by its own plan.
    named = [one for one, _ in found.foreign if one["serviceName"] in wanted]
    starts = unit.may_start or any(worker_services.has_tasks(one) for one in (*found.ours, *named))
    due = tuple(one for one in unit.workers if starts or not one.service.desired_count)
    return due, tuple(one.service.name for one in unit.workers if one not in due)


def _current(request: DeployRequest, clients: Clients) -> Current:
    service = request.service
    if NOT_KNOWN_YET in (service.cluster, service.name):
        return Current()
    return inspection.current(clients, service.cluster, service.name, request.release.family)


def _asked(
    request: RollbackRequest, arn: str, workers: Mapping[str, Mapping[str, str]], clients: Clients
) -> tuple[list[RollbackRequest], tuple[str, ...]]:
    """Return what the workers go back to, and a line for each that does not."""
    asked, notes = [], []
    then = workers.get(arn, {})
    there = {
        str(one["serviceName"]): one for one in worker_services.listed(request.cluster, request.name, clients)
    }
    for name, revision in then.items():
        if name not in there:
            notes.append(f"service {name} was released with {short(arn)}, and is not there any more")
        elif there[name]["taskDefinition"] != revision:
            asked.append(RollbackRequest(request.cluster, name, request.wait, to=revision))
    notes += [
        f"service {name} stays on {short(there[name]['taskDefinition'])}: "
        f"what ran with {short(arn)} is not known of it"
        for name in there
        if name not in then
    ]
    return asked, tuple(notes)


def _planned(request: RollbackRequest, clients: Clients, report: Emit) -> Outcome:
    try:
        return rollback.roll_back(request, clients, check=True, report=report)
    except ReleaseConfigurationError as error:
        raise ReleaseConfigurationError(
            f"{error.what}, so that service {request.name} cannot go back to it. Nothing was changed",
            subject=error.subject,
            remedy="Name another revision of the service itself: -e rollback_to=FAMILY:NUMBER.",
        ) from error


def _put_back(done: Sequence[_Done], clients: Clients, report: Emit) -> list[str]:
    """Bring back what was released before a failure, last first. Return a line for each."""
    lines = []
    for one in reversed(done):
        if one is not done[0] and not plan.last_good(one.before.service):
            lines.append(_halted(one.request, clients))
        elif one.outcome.plan.actions:
            lines.append(_restored(one, clients, report))
    return lines


def _halted(request: DeployRequest, clients: Clients) -> str:
    """Stop a worker that nothing good ran of before."""
    service = request.service

    def act() -> str:
        if not plan.is_there(inspection.describe(clients, service.cluster, service.name)):
            return "It was not made."
        worker_services.halt(service.cluster, service.name, clients)
        return "It has no earlier good revision, so it was stopped: it runs no task."

    return _said(service.name, act)


def _restored(one: _Done, clients: Clients, report: Emit) -> str:
    request = one.request
    goal = apply.goal_of(request, one.outcome.definition_arn, one.outcome.deployment["id"])
    lost = FailedRelease(
        request.release, request.service, goal, Verdict("failed", ""), one.before, datetime.now(UTC)
    )

    def act() -> str:
        with Http(request.url, request.route, window=0, timeout=apply.LOOK_TIMEOUT) as http:
            observer = Observer(clients, http, replace(request.wait, steady=0), report)
            return restore(lost, observer).text

    return _said(request.service.name, act)


def _forward(request: RollbackRequest, outcome: Outcome, clients: Clients, report: Emit) -> str:
    """Bring a service that went back to the revision that it was on before."""
    again = replace(request, to=outcome.previous_arn)

    def act() -> str:
        rollback.roll_back(again, clients, check=False, report=report)
        return f"It is on {short(outcome.previous_arn)} again."

    return _said(request.name, act)


def _said(name: str, act: Callable[[], str]) -> str:
    try:
        return f"{name}: {act()}"
    except EngineError as error:
        return f"{name}: It could not be brought back to what ran before: {error.what}."


def _with_lines(error: EngineError, lines: Sequence[str], remedy: str = "") -> EngineError:
    """Return the error of a failed worker with what was done about the others."""
    what, remedy = "\n".join([error.what, *lines]), remedy or error.remedy
    details = error.details if isinstance(error.details, Mapping) else {}
    # The service itself had reached its users.
    details = {**details, "served": True, "put_back": list(lines)}
    if isinstance(error, AwsError):
        raised: EngineError = AwsError(
            what, subject=error.subject, remedy=remedy, code=error.code, is_passing=error.is_passing
        )
        raised.details = details
        return raised
    return RolloutError(what, subject=error.subject, remedy=remedy, details=details)
