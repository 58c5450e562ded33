"""Rollback of a database instance in two steps: restore and compare a second one, then switch to it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from engines.errors import ConfigurationError
from engines.postgres.session import PostgresError
from engines.rds.changes import changes
from engines.rds.errors import RollbackError
from engines.rds.executor import Executor
from engines.rds.inspection import survey
from engines.rds.model import Action, Found, RollbackRequest
from engines.rds.plan import plan
from engines.rds.results import Outcome
from engines.rds.verification import Users, prove

# How often a modification is requested that AWS does not show at once.
_ROUNDS = 3


def restore(
    request: RollbackRequest, users: Users, *, jobs: int, timeout: float, check: bool
) -> dict[str, Any]:
    """Restore a second instance as of the requested time, verify it, and compare it with the one in use.

    Returns ``{changed, done, instance, kept, rollback_instances, actions, revisions, table, comparison}``;
    with ``check`` what would be done, and what can be seen of it. Raises ``ConfigurationError`` before
    anything is touched, ``RollbackError`` or ``AwsError``.
    """
    if check:
        return _looked(request, users, _planned(request, survey(request.name)), jobs).report()
    return _looked(request, users, _beside(request, Executor(request.name, timeout)), jobs).report()


def switch(request: RollbackRequest, users: Users, *, timeout: float, check: bool) -> dict[str, Any]:
    """Give the restored instance the name of the one in use, which is kept under another.

    Returns what ``restore`` does, with nothing compared. What is not there yet is restored first. The
    caller has to ask for consent.
    """
    if check:
        now = _planned(request, survey(request.name))
        now.actions += now.plan.switch
        return now.report()
    executor = Executor(request.name, timeout)
    now = _beside(request, executor)
    if now.plan.done:
        return now.report()
    now.revisions = prove(users.at(_of(now)), now.plan.chosen)
    for action in now.plan.switch:
        executor.act(action)
    now.actions += now.plan.switch
    now.found = survey(request.name)
    _await_users(users, request.name, timeout)
    return now.report()


def _planned(request: RollbackRequest, found: Found) -> Outcome:
    steps = plan(request, found, datetime.now(UTC))
    return Outcome(steps, actions=list(steps.preparation), found=found)


def _beside(request: RollbackRequest, executor: Executor) -> Outcome:
    """Carry out the actions before the switch, which do not touch the instance in use."""
    done: list[Action] = []
    for _ in range(_ROUNDS):
        now = _planned(request, executor.settled())
        if not now.plan.preparation:
            break
        for action in now.plan.preparation:
            executor.act(action)
        done += now.plan.preparation
    if now.plan.done:
        return now
    found = executor.settled(now.plan.chosen)
    return Outcome(now.plan, actions=done, found=found)


def _looked(request: RollbackRequest, users: Users, now: Outcome, jobs: int) -> Outcome:
    """Verify and compare the restored instance, if it is available."""
    chosen = now.found.named(now.plan.chosen)
    if now.plan.done or chosen is None or not chosen.is_available:
        return now
    if users.access is None:
        now.table = [
            "a plan compares nothing: a private database is read through a relay, which a run starts"
        ]
        return now
    then = users.at(chosen)
    now.revisions = prove(then, chosen.name)
    if now.found.main is None:
        now.table = [f"{request.name} is not there: a switch was cut off. Nothing is compared."]
        return now
    try:
        now.table, now.comparison = changes(users.owner, then.owner, jobs=jobs)
    except (PostgresError, ConfigurationError) as error:
        # A database that is damaged, or of which one table may not be read, is what is gone back from.
        now.table = [f"{request.name} cannot be read, so nothing is compared: {error.what}"]
    return now


def _of(now: Outcome) -> Any:
    chosen = now.found.named(now.plan.chosen)
    if chosen is None:  # pragma: no cover - it was waited for
        raise RollbackError(
            "is not there any more",
            subject=f"instance {now.plan.chosen}",
            remedy="Somebody has deleted it. Run the same command again.",
        )
    return chosen


def _await_users(users: Users, name: str, timeout: float) -> None:
    """Wait until both users get in at the address that they know. A name leads elsewhere after a while."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            prove(users, name)
        except RollbackError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return
