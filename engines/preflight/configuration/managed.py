"""Rules about what AWS keeps for us: the database instance and the secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engines.preflight.model import Finding, Rule, Settings, is_reference

_IDENTIFIER = re.compile(r"[a-z](?:-?[a-z0-9])*")
_SQL_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}")
_CLASS = re.compile(r"db\.[a-z0-9-]+\.[a-z0-9]+")
_VERSION = re.compile(r"15\.\d+")
# Refused by RDS for PostgreSQL as the name of its master user.
_RESERVED_USERS = frozenset({"admin", "user", "public", "rdsadmin", "rds_superuser", "rdsrepladmin"})
# Refused by RDS in a password.
_UNUSABLE = re.compile(r"[/@\"\s]|[^\x20-\x7e]")

# What can be sent in a header.
_HEADER = re.compile(r"[\x21-\x7e]+")

_REQUIRED_SECRETS = ("db_password", "app_db_password")
# Made by the migration itself, from the passwords.
_COMPOSED = frozenset({"DATABASE_URL", "APP_DATABASE_URL"})
_WELL_KNOWN = frozenset(
    {"minioadmin", "postgres", "password", "changeme", "change-me", "secret", "admin", "test"}
)
_MINIMUM_LENGTH = 16
_MAXIMUM_PASSWORD = 128  # RDS takes no longer one
_MAXIMUM_PARAMETER = 4096  # Parameter Store's limit for what costs nothing
_WAYS = ("value", "generate", "compose")


def _database(settings: Settings) -> Iterator[Finding]:
    for key, (accepts, what, remedy) in _DATABASE.items():
        value = settings.database.get(key)
        if value not in (None, "") and not accepts(value):
            yield Finding(f"provision_database.{key}", f"{value!r} {what}", remedy)
    for key in _DATABASE_NEEDS if settings.database else ():
        if not settings.database.get(key):
            yield Finding(f"provision_database.{key}", "is not set", _DATABASE[key][2])


def _database_together(settings: Settings) -> Iterator[Finding]:
    """Judge what is right alone, but not with the rest."""
    least, most = (settings.database.get(one) for one in ("allocated_storage", "max_allocated_storage"))
    if _is_number(least, 20, 65536) and _is_number(most, 20, 65536) and int(most or 0) < int(least or 0):
        yield Finding(
            "provision_database.max_allocated_storage",
            f"{most} GiB are less than allocated_storage ({least})",
            "Set as much or more: storage grows up to it.",
        )
    application = settings.database.get("application_user")
    if application and application == settings.database.get("user"):
        yield Finding(
            "provision_database.application_user",
            "is the database's owner, who may do everything",
            "Name another role: the migration makes it.",
        )
    days = settings.database.get("backup_retention_days")
    if settings.real_account and days is not None and _is_number(days, 0, 0):
        yield Finding(
            "provision_database.backup_retention_days", "turns backups off in production", "Set 7 or more."
        )


def _is_number(value: Any, least: int, most: int) -> bool:
    return str(value).isdigit() and least <= int(value) <= most


def _may_be_user(name: str) -> bool:
    return bool(
        _SQL_NAME.fullmatch(name) and name.lower() not in _RESERVED_USERS and not name.startswith("pg_")
    )


_DATABASE: Mapping[str, Any] = {
    "name": (_SQL_NAME.fullmatch, "cannot name a database", "Use letters, digits and _."),
    "user": (
        _may_be_user,
        "cannot be the master user",
        "Use letters, digits and _, and no name that RDS keeps for itself.",
    ),
    "application_user": (
        _may_be_user,
        "cannot be the service's user",
        "Use letters, digits and _, and no name that RDS keeps for itself.",
    ),
    "instance_identifier": (
        lambda v: _IDENTIFIER.fullmatch(v) and len(v) <= 63,  # noqa: PLR2004 - AWS's own limits
        "cannot name an instance",
        "Use up to 63 of a-z, 0-9 and single hyphens, beginning with a letter.",
    ),
    "instance_class": (
        _CLASS.fullmatch,
        "is not a class of instance",
        "Set one such as db.t4g.medium.",
    ),
    "allocated_storage": (lambda v: _is_number(v, 20, 65536), "is out of range", "Set 20 to 65536 GiB."),
    "max_allocated_storage": (lambda v: _is_number(v, 20, 65536), "is out of range", "Set 20 to 65536 GiB."),
    "engine_version": (
        lambda v: _VERSION.fullmatch(str(v)),
        "is not a full version of PostgreSQL 15",
        "Set one such as 15.17, in quotes.",
    ),
    "backup_retention_days": (lambda v: _is_number(v, 0, 35), "is out of range", "Set 0 to 35 days."),
}


# Without these there is nothing to build.
_DATABASE_NEEDS = ("name", "user", "application_user", "instance_identifier")


def _secrets(settings: Settings) -> Iterator[Finding]:
    if settings.secrets is None:
        return
    listed = {str(one.get("name", "")): one for one in settings.secrets}
    for name in _REQUIRED_SECRETS:
        if name not in listed:
            yield Finding(
                "provision_secrets",
                f"{name} is missing",
                f"List it, with a value or generate: {name} is needed.",
            )
    for name, one in listed.items():
        yield from _way(name, one)
        value = str(one.get("value") or "")
        if value and not is_reference(value):
            yield from _literal(name, value, settings)


def _read_by_service(settings: Settings) -> Iterator[Finding]:
    """Judge whether there is a secret behind each name that the service or a request is to be given."""
    if not settings.secrets:  # reported already
        return
    known = {f"{settings.parameter_path}/{one.get('name', '')}" for one in settings.secrets}
    made = {*_COMPOSED, *(str(one.get("name", "")) for one in settings.database_addresses)}
    known |= {f"{settings.parameter_path}/{name}" for name in made}
    for variable, named in (
        *((f"deploy_secrets.{key}", str(value)) for key, value in settings.service_secrets.items()),
        *(
            ("platform_workers", str(value))
            for one in settings.workers
            for value in (one.get("secrets") or {}).values()
        ),
        *((f"deploy_request_headers.{key}", place) for key, place in settings.header_parameters.items()),
    ):
        if named.startswith(f"{settings.parameter_path}/") and named not in known:
            secret = named.removeprefix(f"{settings.parameter_path}/")
            what = f"refers to {named}, which nothing writes"
            yield Finding(
                variable, what, f"List {secret} in platform_secrets, or refer to another parameter."
            )


def referenced(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Judge secrets that are in the environment, as those that were given as such."""
    for one in settings.secrets or ():
        place = str(one.get("value") or "")
        if not place.startswith("env:"):
            continue
        name, value = str(one.get("name", "")), environment.get(place.removeprefix("env:"), "")
        if value:
            yield from _literal(name, value, settings)
        else:
            what = f"refers to {place}, which is not set in the environment"
            yield Finding(f"provision_secrets.{name}", what, "Export it before the run, or name another.")


def _way(name: str, one: Mapping[str, Any]) -> Iterator[Finding]:
    """Check how a secret is provided or generated."""
    variable = f"provision_secrets.{name}"
    if len(given := [way for way in _WAYS if one.get(way)]) > 1:
        yield Finding(variable, f"has {' and '.join(given)}", "Keep one of them.")
    if one.get("type") not in (None, "SecureString"):
        yield Finding(variable, f"would be kept as a {one['type']}", "Remove `type`: secrets are encrypted.")
    length = int((one.get("generate") or {}).get("length") or _MINIMUM_LENGTH)
    most = _MAXIMUM_PASSWORD if name.endswith("db_password") else _MAXIMUM_PARAMETER
    if not _MINIMUM_LENGTH <= length <= most:
        yield Finding(
            variable, f"{length} characters are out of range", f"Generate {_MINIMUM_LENGTH} to {most}."
        )


def _literal(name: str, value: str, settings: Settings) -> Iterator[Finding]:
    """Judge a value that was given as such, without ever quoting it."""
    variable = f"provision_secrets.{name}"
    in_header = f"{settings.parameter_path}/{name}" in settings.header_parameters.values()
    if settings.real_account and (value.lower() in _WELL_KNOWN or len(value) < _MINIMUM_LENGTH):
        yield Finding(
            variable, "is well known or short", f"Use generate, or {_MINIMUM_LENGTH} random characters."
        )
    elif name == "db_password" and (not 8 <= len(value) <= _MAXIMUM_PASSWORD or _UNUSABLE.search(value)):  # noqa: PLR2004 - AWS's own limits
        yield Finding(
            variable,
            "cannot be a password on RDS",
            f'Use 8 to {_MAXIMUM_PASSWORD} printable characters, none of / @ " or blank.',
        )
    elif in_header and not _HEADER.fullmatch(value):
        yield Finding(variable, "cannot be sent in a header", "Use printable ASCII without blanks.")


RULES: tuple[Rule, ...] = (_database, _database_together, _secrets, _read_by_service)
