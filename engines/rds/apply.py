"""Back to an earlier moment, in two halves: what is done beside the database in use, and the switch to it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from engines.errors import ConfigurationError
from engines.postgres.session import PostgresError
from engines.rds.changes import changes
from engines.rds.executor import Hands
from engines.rds.inspection import survey
from engines.rds.model import Action, Found, Order, Plan, WayBackError
from engines.rds.plan import plan
from engines.rds.verification import Users, prove

# A modification that AWS does not show at once is not asked for again and again.
_ROUNDS = 3


@dataclass
class _Done:
    """What has been done, and found, so far."""

    plan: Plan
    actions: list[Action] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    comparison: dict[str, Any] = field(default_factory=dict)
    revisions: tuple[str, ...] = ()
    found: Found = field(default_factory=Found)

    def report(self) -> dict[str, Any]:
        """Return it as the module's return values."""
        return {
            "changed": bool(self.actions),
            "done": self.plan.done,
            "instance": self.plan.chosen,
            "kept": self.plan.keeps,
            "beside": [one.name for one in self.found.beside],
            "actions": [f"{one.subject}: {one.text}" for one in self.actions],
            "revisions": list(self.revisions),
            "table": self.table,
            "comparison": self.comparison,
        }


def restore(order: Order, users: Users, *, jobs: int, timeout: float, check: bool) -> dict[str, Any]:
    """Bring an instance of the moment beside the one in use, prove it, and compare the two.

    Returns ``{changed, done, instance, kept, beside, actions, revisions, table, comparison}``; with ``check``
    what would be done, and what can be seen of it. Raises ``ConfigurationError`` before anything is touched,
    ``WayBackError`` or ``AwsError``.
    """
    if check:
        return _looked(order, users, _planned(order, survey(order.name)), jobs).report()
    return _looked(order, users, _beside(order, Hands(order.name, timeout)), jobs).report()


def switch(order: Order, users: Users, *, timeout: float, check: bool) -> dict[str, Any]:
    """Let the instance of the moment take the name of the one in use, which is kept under another.

    Returns what ``restore`` does, with nothing compared. What is not there yet is restored first. It asks for
    no consent: that is for whoever calls it.
    """
    if check:
        now = _planned(order, survey(order.name))
        now.actions += now.plan.switch
        return now.report()
    hands = Hands(order.name, timeout)
    now = _beside(order, hands)
    if now.plan.done:
        return now.report()
    now.revisions = prove(users.at(_of(now)), now.plan.chosen)
    for action in now.plan.switch:
        hands.act(action)
    now.actions += now.plan.switch
    now.found = survey(order.name)
    _await_users(users, order.name, timeout)
    return now.report()


def _planned(order: Order, found: Found) -> _Done:
    steps = plan(order, found, datetime.now(UTC))
    return _Done(steps, actions=list(steps.beside), found=found)


def _beside(order: Order, hands: Hands) -> _Done:
    """Do what is to be done beside the database in use."""
    done: list[Action] = []
    for _ in range(_ROUNDS):
        now = _planned(order, hands.settled())
        if not now.plan.beside:
            break
        for action in now.plan.beside:
            hands.act(action)
        done += now.plan.beside
    if now.plan.done:
        return now
    found = hands.settled(now.plan.chosen)
    return _Done(now.plan, actions=done, found=found)


def _looked(order: Order, users: Users, now: _Done, jobs: int) -> _Done:
    """Prove and compare what is there to be looked at."""
    chosen = now.found.named(now.plan.chosen)
    if now.plan.done or chosen is None or not chosen.is_available:
        return now
    then = users.at(chosen)
    now.revisions = prove(then, chosen.name)
    if now.found.main is None:
        now.table = [f"{order.name} is not there: a switch was cut off. Nothing is compared."]
        return now
    try:
        now.table, now.comparison = changes(users.owner, then.owner, jobs=jobs)
    except (PostgresError, ConfigurationError) as error:
        # A database that is damaged, or of which one table may not be read, is what is gone back from.
        now.table = [f"{order.name} cannot be read, so nothing is compared: {error.what}"]
    return now


def _of(now: _Done) -> Any:
    chosen = now.found.named(now.plan.chosen)
    if chosen is None:  # pragma: no cover - it was waited for
        raise WayBackError("is not there any more", subject=f"instance {now.plan.chosen}")
    return chosen


def _await_users(users: Users, name: str, timeout: float) -> None:
    """Wait until both users get in at the address that they know. A name leads elsewhere after a while."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            prove(users, name)
        except WayBackError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return
