"""Rules against a migration onto itself: source and target must differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from engines.errors import ConfigurationError
from engines.postgres.session import parse
from engines.preflight.model import Finding, Settings, is_reference

_POSTGRES = 5432
_RDS = ".rds.amazonaws.com"


def find(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find a source that is the target. ``environment`` holds the endpoint of the target's S3, if not AWS."""
    yield from _database(settings)
    yield from _buckets(settings, environment.get("AWS_ENDPOINT_URL", ""))


def place(address: str, port: int = _POSTGRES) -> tuple[str, int]:
    """Return host and port of a URL or ``host:port``; ``("", 0)`` when it is neither."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, found = parts.hostname or "", parts.port
    except ValueError:
        return "", 0
    usual = {"http": 80, "https": 443}.get(parts.scheme, port)
    return ("127.0.0.1" if host in {"localhost", "::1"} else host), found or usual


def source_place(settings: Settings) -> tuple[str, int]:
    """Return host and port of the source database; ``("", 0)`` when they are not known here."""
    if not settings.source_database or is_reference(settings.source_database):
        return "", 0
    try:
        parameters = parse(settings.source_database).parameters
    except ConfigurationError:
        return "", 0
    return place(f"{parameters.get('host', '')}:{parameters.get('port', '')}")


def _database(settings: Settings) -> Iterator[Finding]:
    source, target = source_place(settings), place(settings.target_database)
    instance = str(settings.database.get("instance_identifier") or "")
    on_rds = bool(instance) and source[0].startswith(f"{instance}.") and source[0].endswith(_RDS)
    if source[0] and (source == target or on_rds):
        yield Finding(
            "platform_source_database",
            f"{source[0]}:{source[1]} is the target database's server as well",
            "Name the source database: a migration from a server onto itself would overwrite what it reads.",
        )


def _buckets(settings: Settings, aws: str) -> Iterator[Finding]:
    source = place(str(settings.source_store.get("endpoint") or ""))
    if not source[0] or not (source[0].endswith(".amazonaws.com") or source == place(aws)):
        return
    for name in sorted(set(settings.source_buckets) & set(settings.target_buckets)):
        yield Finding(
            "platform_buckets",
            f"{name!r} would be copied onto itself: it is a bucket of source and target",
            "Name another bucket as its target.",
        )
