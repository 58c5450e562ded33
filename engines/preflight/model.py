"""What is checked, and what can be found wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: ``variable`` is what the user would change, ``remedy`` to what."""

    variable: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.what.rstrip('.')}. {self.remedy}"


@dataclass(frozen=True)
class Settings:
    """The configuration that is checked. What is None or empty and not required is not checked.

    ``source_database`` and ``source_store`` hold secrets and are not shown.
    """

    target: str = ""
    name: str = ""
    region: str = ""
    account_id: str = ""
    parameter_path: str = ""
    source_database: str = field(default="", repr=False)
    source_store: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source_buckets: Sequence[str] = ()
    target_buckets: Sequence[str] = ()
    state_bucket: str = ""
    endpoints: Sequence[Mapping[str, str]] = ()
    target_database: str = ""
    vpc_cidr: str = ""
    operator_cidr: str = ""
    connected_cidrs: Sequence[str] = ()
    egress: str = ""
    certificate_arn: str = ""
    container_builder: str = ""
    cpu: int = 0
    memory: int = 0
    desired_count: int = 1
    log_retention_days: int | None = None
    access_logs_bucket: str = ""
    access_logs_days: int | None = None
    alarm_email: str = ""
    database: Mapping[str, Any] = field(default_factory=dict)
    secrets: Sequence[Mapping[str, Any]] | None = field(default=None, repr=False)
    minimum_free_mib: int = 0
    work_dir: str = ""
    inventory_dir: str = ""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Settings:
        """Return settings from a module's options; an option that was not given keeps its default."""
        names = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in options.items() if key in names and value is not None})

    @property
    def real_account(self) -> bool:
        """Whether the target is an AWS account, not an emulator."""
        return self.target == "aws"


Rule = Callable[[Settings], Iterator[Finding]]


def is_reference(value: str) -> bool:
    """Say whether ``value`` names where a secret lives (``ssm:/name``, ``env:NAME``)."""
    return value.startswith(("ssm:", "env:"))
