"""A rollback of a database instance as data: request, current state, actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from engines.errors import ConfigurationError
from engines.instance_names import is_made_by_rollback, kept_name

Step = Literal["restore", "settings", "tag", "rename"]

# Tags of an instance: the moment it was restored to, whether it was requested as the latest one, and, of
# one that came back by its name, that name. They show what an earlier run has done already.
MOMENT, LATEST, NAME = "RestoredTo", "RestoredAsLatest", "SwitchedFrom"

_LONGEST = 63  # letters of an identifier of RDS


@dataclass(frozen=True)
class RollbackRequest:
    """What to roll instance ``name`` back to: a ``moment``, the ``latest``, or a ``kept`` instance."""

    name: str
    moment: datetime | None = None
    latest: bool = False
    kept: str = ""


@dataclass(frozen=True)
class Instance:
    """An RDS instance: its name, status, endpoint and settings.

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
    """The current instances: ``main`` is in use (None between two renamings), the others are of rollbacks.

    ``earliest`` is the first moment to which the instance in use can be restored, None without backups.
    """

    main: Instance | None = None
    rollback_instances: tuple[Instance, ...] = ()
    earliest: datetime | None = None

    def named(self, name: str) -> Instance | None:
        """Return the instance of a rollback by its name."""
        return next((one for one in self.rollback_instances if one.name == name), None)


@dataclass(frozen=True)
class Action:
    """One request: the step, which instance it is about, a sentence about it, and the request itself."""

    step: Step
    subject: str
    text: str
    request: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The actions before the switch (``preparation``, the instance in use is not touched) and the ``switch``.

    ``chosen`` is the name of the restored instance, ``keeps`` the one under which the present instance is
    kept. When ``done``, neither has anything left to do.
    """

    chosen: str
    preparation: tuple[Action, ...] = ()
    switch: tuple[Action, ...] = ()
    keeps: str = ""
    done: bool = False


def read(to: str, name: str) -> RollbackRequest:
    """Return what ``rollback_to`` asks for. Raises ``ConfigurationError``."""
    request = RollbackRequest(name)
    if len(kept_name(request.name, datetime.now(UTC))) > _LONGEST:
        raise ConfigurationError(
            "is too long: a name that is made of it would have more than 63 letters",
            subject=f"instance {name}",
            remedy="Take a shorter platform_database_instance.",
        )
    if is_made_by_rollback(to, name):
        return RollbackRequest(name, kept=to)
    if to == "latest":
        return RollbackRequest(name, latest=True)
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"is no moment with its time zone, not `latest`, and no instance that was kept of {name}",
            subject=f"rollback_to {to or '(empty)'}",
            remedy="Write it as 2026-11-26T03:55:00Z, or name an instance that a rollback has kept.",
        )
    return RollbackRequest(name, moment=moment.astimezone(UTC).replace(microsecond=0))


def text(moment: datetime) -> str:
    """Return a moment as it is written in tags, options and messages."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
