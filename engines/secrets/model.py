"""A parameter as data: wanted state, stored state, and the action between the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["created", "updated", "unchanged"]

SECURE = "SecureString"


@dataclass(frozen=True)
class Wanted:
    """A parameter that must exist. At most one of ``value``, ``generate`` and ``compose`` is given.

    ``generate`` is a number of characters; ``compose`` a text in which ``{name}`` stands for the value of
    another parameter and ``{name|url}`` for the same quoted for a URL. With none it must exist already.
    """

    name: str
    type: str = SECURE
    value: str | None = field(default=None, repr=False)
    generate: int | None = None
    compose: str | None = None


@dataclass(frozen=True)
class Stored:
    """A parameter as Parameter Store has it."""

    value: str = field(repr=False)
    type: str
    version: int


@dataclass(frozen=True)
class Action:
    """What happens to one parameter. ``value`` is None when nothing is written or it is not known yet."""

    name: str
    kind: Kind
    type: str
    version: int
    value: str | None = field(default=None, repr=False)

    def report(self) -> dict[str, Any]:
        """Return what may be shown: ``version`` is the version there is, 0 when there is none."""
        return {"name": self.name, "action": self.kind, "version": self.version}
