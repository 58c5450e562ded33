"""What is checked, and what can be found wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    environment: str = ""
    adopt: str = ""
    region: str = ""
    account_id: str = ""
    parameter_path: str = ""
    source_database: str = field(default="", repr=False)
    source_store: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source_fence: str = ""
    database_schemas: Sequence[str] = ()
    database_exclude_tables: Sequence[str] = ()
    source_buckets: Sequence[str] = ()
    target_buckets: Sequence[str] = ()
    prefixes: Sequence[tuple[str, str]] = ()
    bucket_names: Sequence[str] = ()
    # The target buckets that platform_bucket_prefix names.
    prefixed_buckets: Sequence[str] = ()
    state_bucket: str = ""
    endpoints: Sequence[Mapping[str, str]] = ()
    target_database: str = ""
    vpc_cidr: str = ""
    operator_cidr: str = ""
    database_access: str = ""
    connected_cidrs: Sequence[str] = ()
    egress: str = ""
    certificate_arn: str = ""
    domain: str = ""
    hosted_zone: str = ""
    container_builder: str = ""
    cpu: int = 0
    memory: int = 0
    desired_count: int = 1
    autoscaling: Mapping[str, Any] = field(default_factory=dict)
    workers: Sequence[Mapping[str, Any]] = ()
    log_retention_days: int | None = None
    access_logs_bucket: str = ""
    access_logs_days: int | None = None
    alarm_email: str = ""
    database: Mapping[str, Any] = field(default_factory=dict)
    secrets: Sequence[Mapping[str, Any]] | None = field(default=None, repr=False)
    database_addresses: Sequence[Mapping[str, str]] = ()
    service_secrets: Mapping[str, str] = field(default_factory=dict)
    request_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    entrypoint: Sequence[str] = ()
    application_role: str = ""
    application_address: str = field(default="", repr=False)
    minimum_free_mib: int = 0
    work_dir: str = ""
    inventory_dir: str = ""

    @classmethod
    def from_values(cls, values: Mapping[str, Any], inventory_dir: str = "") -> Settings:
        """Return settings from an inventory's variables; what is not set keeps its default."""
        buckets = values.get("platform_buckets") or []
        prefix = values.get("platform_bucket_prefix") or ""
        addresses = [
            "platform_source_url",
            *(["platform_aws_endpoint"] if "platform_aws_endpoint" in values else ()),
        ]
        given = {one: values[variable] for one, variable in _VARIABLES.items() if variable in values}
        return cls(
            **{
                "database": {"name": ""},
                "secrets": (),
                **given,
                "source_buckets": [str(one.get("source") or one.get("name") or "") for one in buckets],
                "target_buckets": [str(one.get("target") or f"{prefix}{one.get('name')}") for one in buckets],
                "prefixes": [
                    (str(one.get("source_prefix") or ""), str(one.get("target_prefix") or ""))
                    for one in buckets
                ],
                "bucket_names": [str(one.get("name") or "") for one in buckets],
                "prefixed_buckets": [
                    f"{prefix}{one.get('name')}" for one in buckets if not one.get("target")
                ],
                "endpoints": [{"variable": one, "url": str(values.get(one) or "")} for one in addresses],
                "inventory_dir": inventory_dir,
            }
        )

    @staticmethod
    def variables() -> frozenset[str]:
        """Return the variables that ``from_values`` reads."""
        return frozenset(
            (
                *_VARIABLES.values(),
                "platform_buckets",
                "platform_bucket_prefix",
                "platform_source_url",
                "platform_aws_endpoint",
            )
        )

    @property
    def header_parameters(self) -> Mapping[str, str]:
        """Return the parameters whose values are sent in headers, by header."""
        given = {name: str(value) for name, value in self.request_headers.items()}
        return {name: value.removeprefix("ssm:") for name, value in given.items() if value.startswith("ssm:")}

    @property
    def real_account(self) -> bool:
        """Whether the target is an AWS account, not an emulator."""
        return self.target == "aws"


# By which variable of an inventory each is set; the others are made of several.
_VARIABLES: Mapping[str, str] = {
    **{
        one: f"platform_{one}"
        for one in (
            *(
                "target",
                "name",
                "environment",
                "adopt",
                "region",
                "account_id",
                "parameter_path",
                "source_database",
                "source_store",
            ),
            *("state_bucket", "vpc_cidr", "connected_cidrs", "container_builder", "cpu", "memory"),
            *("desired_count", "workers", "access_logs_bucket", "work_dir", "domain", "hosted_zone"),
        )
    },
    **{
        one: f"provision_{one}"
        for one in (
            *("operator_cidr", "egress", "certificate_arn", "log_retention_days", "access_logs_days"),
            *("alarm_email", "database", "secrets", "database_access"),
        )
    },
    "database_addresses": "provision_database_addresses",
    "service_secrets": "deploy_secrets",
    "request_headers": "deploy_request_headers",
    "autoscaling": "deploy_autoscaling",
    "entrypoint": "container_entrypoint",
    "source_fence": "migrate_source_fence",
    "database_schemas": "database_schemas",
    "database_exclude_tables": "database_exclude_tables",
    "application_role": "database_application_role",
    "application_address": "database_application_address",
    "target_database": "provision_rds_endpoint_override",
    "minimum_free_mib": "preflight_minimum_free_mib",
}
Rule = Callable[[Settings], Iterator[Finding]]


def is_reference(value: str) -> bool:
    """Return whether ``value`` names where a secret lives (``ssm:/name``, ``env:NAME``)."""
    return value.startswith(("ssm:", "env:"))
