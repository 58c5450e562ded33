"""A stack as data: deployed state, changes, and drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Action = Literal["add", "change", "replace", "delete"]

# What holds data of users: losing one of these loses data.
DATA = frozenset(
    {
        "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::S3::Bucket", "AWS::DynamoDB::Table",
        "AWS::EFS::FileSystem",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Stack:
    """What CloudFormation says of a stack that exists."""

    id: str
    name: str
    status: str
    reason: str = ""
    protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether an operation of AWS is in progress; not in review, where nothing has begun."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class Event:
    """What CloudFormation says of one resource, or of the stack itself, at one moment."""

    time: str
    logical_id: str
    type: str
    status: str
    reason: str = ""


# A stack in one of these takes an update, and its template is what stands.
SETTLED = frozenset(
    {
        "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Deployed:
    """A deployed stack. ``resources`` maps what it has, or had, to its status."""

    status: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    outputs: Mapping[str, str]
    termination_protection: bool = False
    resources: Mapping[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether it is finished and may be updated."""
        return self.status in SETTLED

    @property
    def begun(self) -> bool:
        """Whether it is a change set that nobody has executed, or an import: AWS gives these no tags."""
        return self.status.startswith(("REVIEW_IN_PROGRESS", "IMPORT_"))

    @property
    def busy(self) -> bool:
        """Whether an operation of AWS is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class Drifted:
    """One resource that was changed or deleted outside CloudFormation."""

    logical_id: str
    type: str
    status: str
    differences: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Drift:
    """The drift of a stack; ``unchecked`` are resources of types for which AWS detects none."""

    name: str
    exists: bool
    drifted: tuple[Drifted, ...] = ()
    checked: int = 0
    unchecked: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return it as lines of text."""
        if not self.exists:
            return [f"STACK  {self.name} does not exist (yet)"]
        found = (
            f"{len(self.drifted)} of {self.checked} resources have drifted" if self.drifted else "no drift"
        )
        lines = [f"STACK  {self.name}: {found} ({self.checked} looked at, {len(self.unchecked)} cannot be)"]
        for one in self.drifted:
            lines.append(f"  ! {one.type} {one.logical_id}: {one.status.lower()}")
            lines += [
                f"      {each['path']}: {each['before']} -> {each['after']}" for each in one.differences
            ]
        return lines

    def as_result(self) -> dict[str, Any]:
        """Return it as a module's return values."""
        return {
            "exists": self.exists,
            "drifted": [
                {
                    "logical_id": one.logical_id,
                    "type": one.type,
                    "status": one.status,
                    "differences": [dict(each) for each in one.differences],
                }
                for one in self.drifted
            ],
            "checked": self.checked,
            "unchecked": list(self.unchecked),
            "lines": self.lines(),
        }


@dataclass(frozen=True)
class Change:
    """One resource that changes.

    ``properties`` are those that differ. ``doubtful``: AWS decides while it works whether the resource is
    only interrupted, or replaced. ``left`` is what stays of a resource that goes.
    """

    action: Action
    logical_id: str
    type: str
    properties: tuple[str, ...] = ()
    doubtful: bool = False
    left: str = ""

    @property
    def endangers_data(self) -> bool:
        """Whether data goes with it, or would without what is kept."""
        return self.type in DATA and self.action in {"replace", "delete"}

    def as_dict(self) -> dict[str, Any]:
        """Return it as a module's return value."""
        return {**asdict(self), "properties": list(self.properties), "endangers_data": self.endangers_data}


@dataclass(frozen=True)
class Existing:
    """A resource that exists, by the name it has in the template and by its own."""

    logical_id: str
    name: str
    type: str = "AWS::S3::Bucket"
