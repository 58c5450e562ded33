"""What must answer before anything is read: the source's database and object store, and every address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from botocore.config import Config

from engines import fence
from engines.aws import AwsError, client, translated
from engines.errors import EngineError
from engines.postgres.session import Address, client_tools, parse, session
from engines.preflight.configuration import place
from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites.clients import IMPATIENT, PATIENCE
from engines.references import resolve

SOURCE_POSTGRES = 12  # the oldest whose rows can be compared
TARGET_POSTGRES = 15

_HTTP = 80
# The values of migrate_source_fence with which triggers are put on the source's tables.
_CLOSING = frozenset({"ask", "read_only"})
_NOT_THERE = frozenset({"404", "NoSuchBucket"})
_START = {
    "emulator": "Start the rehearsal: `make stack-up`.",
    "aws": "Check the address, and that this machine may reach it.",
}


def answering(settings: Settings) -> Iterator[Finding]:
    """Whether something listens at each address."""
    for one in settings.endpoints:
        host, port = place(one["url"], _HTTP)
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
        except OSError as error:
            reason = error.strerror or "no answer"
            yield Finding(
                one["variable"],
                f"{host}:{port} cannot be reached ({reason})",
                _START[settings.target],
            )


def database(settings: Settings, facts: dict[str, Any]) -> Iterator[Finding]:
    """Whether the source database answers, and there are programs that can read it."""
    try:
        address = parse(resolve(settings.source_database), name="platform_source_database")
        patient = Address({"connect_timeout": str(PATIENCE), **address.parameters})
        with session(patient, read_only=True, purpose="bmii-migrate preflight") as opened:
            major = opened.info.server_version // 10000
    except EngineError as error:
        yield Finding("platform_source_database", _sentence(error), error.remedy or _START[settings.target])
        return
    facts["source_postgres"] = major
    # The rehearsal runs both databases with the one PostgreSQL that it finds on the machine.
    target = TARGET_POSTGRES if settings.real_account else major
    if major < SOURCE_POSTGRES:
        yield Finding(
            "platform_source_database",
            f"is PostgreSQL {major}, and {SOURCE_POSTGRES} is the oldest that can be moved",
            f"Upgrade it to {SOURCE_POSTGRES} or later first.",
        )
        return
    if major > target:
        yield Finding(
            "platform_source_database",
            f"is PostgreSQL {major}, newer than the target's {target}",
            "A database cannot be moved to an older version.",
        )
        return
    try:
        facts["pg_dump"] = client_tools.find(major, target).major
    except EngineError as error:
        yield Finding("pg_dump", error.what, error.remedy)
    yield from _fence(settings, patient)


def _fence(settings: Settings, address: Address) -> Iterator[Finding]:
    """Whether the user may close the source for writing: else a run ends right before users are moved."""
    if settings.source_fence not in _CLOSING:
        return
    terms = fence.Terms(
        "preflight",
        schemas=tuple(settings.database_schemas),
        exclude_tables=tuple(settings.database_exclude_tables),
    )
    try:
        found = fence.inspect(address, terms)
    except EngineError as error:
        yield Finding("platform_source_database", _sentence(error), error.remedy)
        return
    for what, remedy in fence.missing_rights(found):
        yield Finding(
            "platform_source_database",
            f"its user may not close the source for writing: {what}",
            f"To close it, {remedy}. Or set migrate_source_fence: none, and stop yourself what writes to it.",
        )


def store(settings: Settings) -> Iterator[Finding]:
    """Whether the source store answers, and has the buckets."""
    store = settings.source_store
    if not settings.source_buckets:
        return
    try:
        s3 = client(
            "s3",
            endpoint_url=store["endpoint"],
            aws_access_key_id=resolve(store["access_key"]),
            aws_secret_access_key=resolve(store["secret_key"]),
            region_name=store["region"],
            # Stores older than SDK checksums answer 400 to them.
            config=IMPATIENT.merge(
                Config(
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path"},
                )
            ),
        )
    except EngineError as error:
        yield Finding("platform_source_store", _sentence(error), error.remedy)
        return
    for name in dict.fromkeys(settings.source_buckets):
        try:
            with translated(f"bucket {name}"):
                s3.head_bucket(Bucket=name)
        except AwsError as error:
            if error.code in _NOT_THERE:
                yield Finding(
                    "platform_buckets",
                    f"the source has no bucket {name!r}",
                    "Correct the name.",
                )
                continue
            remedy = "Check the two keys." if error.code else _START[settings.target]
            yield Finding("platform_source_store", _sentence(error), remedy)
            return


def _sentence(error: EngineError) -> str:
    return f"{error.subject}: {error.what}" if error.subject else error.what
