"""Where a database is to go back to, what there is of it, and what is done about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from engines.errors import ConfigurationError, EngineError

Step = Literal["restore", "settings", "tag", "rename"]

# Tags of an instance: the moment it was restored to, whether that was asked for as the latest one, and, of
# one that came back by its name, that name. They tell what a command has done already.
MOMENT, LATEST, NAME = "RestoredTo", "RestoredAsLatest", "SwitchedFrom"

_STAMP = "%y%m%d-%H%M%S"
_LONGEST = 63  # letters of an identifier of RDS


class WayBackError(EngineError):
    """The database does not go back: what was restored is not usable, or AWS does not go on."""


@dataclass(frozen=True)
class Order:
    """What is asked for of the instance ``name``: that of a ``moment``, the ``latest``, or a ``kept`` one."""

    name: str
    moment: datetime | None = None
    latest: bool = False
    kept: str = ""

    def restored_name(self, moment: datetime) -> str:
        """Return the name of the instance that is restored to ``moment``, always the same."""
        return f"{self.name}-pit-{moment.astimezone(UTC):{_STAMP}}"

    def kept_name(self, now: datetime) -> str:
        """Return the name under which the present instance is kept."""
        return f"{self.name}-before-{now.astimezone(UTC):{_STAMP}}"


@dataclass(frozen=True)
class Instance:
    """An instance of RDS: what it is called, how it is, where it answers, and how it is set up.

    ``settings`` are options of a restore, ``after`` those that only a modification takes. ``latest`` is the
    latest moment to which it can be restored, None when there is none yet.
    """

    name: str
    status: str
    arn: str
    resource: str
    host: str
    port: int
    latest: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_available(self) -> bool:
        """Whether AWS has finished its work on it."""
        return self.status == "available"


@dataclass(frozen=True)
class Found:
    """What there is: the instance in use (None between two renamings), those beside it, and since when.

    ``earliest`` is the first moment to which the instance in use can be restored, None without backups.
    """

    main: Instance | None = None
    beside: tuple[Instance, ...] = ()
    earliest: datetime | None = None

    def named(self, name: str) -> Instance | None:
        """Return the instance beside of this name."""
        return next((one for one in self.beside if one.name == name), None)


@dataclass(frozen=True)
class Action:
    """One request: the step, which instance it is about, a sentence about it, and the request itself."""

    step: Step
    subject: str
    text: str
    request: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is done ``beside`` the instance in use, and then, by consent, what the ``switch`` is.

    ``chosen`` is the name of the instance that is or will be gone back to, ``keeps`` the one under which the
    present one is or will be kept. Nothing of both is left to do when ``done``.
    """

    chosen: str
    beside: tuple[Action, ...] = ()
    switch: tuple[Action, ...] = ()
    keeps: str = ""
    done: bool = False


def read(to: str, name: str) -> Order:
    """Return what ``rollback_to`` asks for. Raises ``ConfigurationError``."""
    order = Order(name)
    if len(order.kept_name(datetime.now(UTC))) > _LONGEST:
        raise ConfigurationError(
            "is too long: a name that is made of it would have more than 63 letters",
            subject=f"instance {name}",
        )
    if is_beside(to, name):
        return Order(name, kept=to)
    if to == "latest":
        return Order(name, latest=True)
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"is no moment with its time zone, not `latest`, and no instance that was kept of {name}",
            subject=f"rollback_to {to or '(empty)'}",
            remedy="Write it as 2026-11-26T03:55:00Z, or name an instance that a way back has kept.",
        )
    return Order(name, moment=moment.astimezone(UTC).replace(microsecond=0))


def is_beside(instance: str, name: str) -> bool:
    """Say whether ``instance`` is called as those are that a way back of ``name`` makes."""
    return bool(re.fullmatch(rf"{re.escape(name)}-(pit|before)-\d{{6}}-\d{{6}}", instance))


def text(moment: datetime) -> str:
    """Return a moment as it is written in tags, options and messages."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
