"""Teardown, until nothing is left but what is kept on purpose."""

from __future__ import annotations

import time
from typing import Any

from engines.stack import lifecycle
from engines.teardown.errors import TeardownError
from engines.teardown.executor import Executor
from engines.teardown.inspection import survey
from engines.teardown.leftovers import left
from engines.teardown.model import Action, Found, Platform, Thing
from engines.teardown.plan import kept, plan
from engines.teardown.results import as_result

# What is written while the platform goes (a last line of a log) is taken away in a second round.
_ROUNDS = 3


def teardown(
    platform: Platform, *, check: bool = False, timeout: float = 900, patience: float = 60
) -> dict[str, Any]:
    """Take the platform down and prove that nothing is left but what is kept.

    Returns ``{changed, actions, things, table}``; with ``check`` what would be done and kept, and nothing is
    changed. ``timeout`` is how many seconds a step may go without progress, ``patience`` how many seconds AWS
    may go on listing what it has deleted. Raises ``RefusedError`` when a name is not this platform's, and
    ``TeardownError`` or ``AwsError``.
    """
    if check:
        found = survey(platform)
        return as_result(plan(platform, found), kept(platform, found))
    done: list[Action] = []
    executor = Executor(platform.name, timeout, platform.domain, platform.hosted_zone)
    for _ in range(_ROUNDS):
        actions = plan(platform, _settled(platform, timeout))
        if not actions:
            break
        for action in actions:
            executor.act(action)
        done += actions
    return as_result(done, _proven(platform, patience))


def _settled(platform: Platform, timeout: float) -> Found:
    """Return the current resources, once AWS has finished what a killed run had begun."""
    stack = lifecycle.find(platform.stack_name)
    if stack:
        lifecycle.settle(stack, timeout)
    return survey(platform)


def _proven(platform: Platform, patience: float) -> list[Thing]:
    """Return what is kept; raise ``TeardownError`` when anything else is still there."""
    deadline = time.monotonic() + patience
    while True:
        things = left(platform, survey(platform))
        unwanted = [thing for thing in things if not thing.kept]
        if not unwanted:
            return things
        if time.monotonic() > deadline:
            raise TeardownError(
                f"{len(unwanted)} things are still there: "
                + ", ".join(f"{one.kind} {one.name}" for one in unwanted),
                subject=f"platform {platform.name}",
                remedy="Run the same command again; what is still named then has to be deleted by hand.",
                details=[one.report() for one in unwanted],
            )
        time.sleep(1)
