"""What must be there before the migration begins: programs, space, the source, and the right account."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from botocore.config import Config

from engines.aws import AwsError, client, translated
from engines.errors import EngineError
from engines.postgres.session import Address, client_tools, parse, session
from engines.preflight import cloud, endpoints, profiles
from engines.preflight.model import Finding, PrerequisitesError, Settings, refuse, renamed
from engines.preflight.same import place
from engines.references import resolve

PYTHON = ((3, 11), (3, 13))
ANSIBLE_CORE = (2, 19)
SOURCE_POSTGRES = 12  # the oldest whose rows can be compared
TARGET_POSTGRES = 15
PATIENCE = 3  # seconds for any one answer: preflight must be quick

_HTTP = 80
_HEADLINE = "Prerequisites are missing."
_IMPATIENT = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 1})

_NOT_THERE = frozenset({"404", "NoSuchBucket"})

Probe = Callable[[Settings], Iterator[Finding]]


def find(settings: Settings, environment: Mapping[str, str]) -> tuple[list[Finding], dict[str, Any]]:
    """Check all prerequisites at once; return what is missing, and facts worth showing.

    When the guard on addresses refuses an address, nothing is connected to.
    """
    refused = endpoints.find(settings, environment, profiles.endpoint_section(environment))
    if refused:
        return refused, {}
    facts: dict[str, Any] = {}
    probes: Sequence[Probe] = (
        _interpreter,
        _ansible,
        _space,
        _builder,
        _answering,
        lambda these: _database(these, facts),
        _store,
        lambda these: cloud.find(these, facts, _IMPATIENT),
    )
    with ThreadPoolExecutor(len(probes)) as pool:
        answers = pool.map(lambda probe: list(probe(settings)), probes)
        return [finding for answer in answers for finding in answer], facts


def check(settings: Settings, environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """Return facts about what was found; raise ``PrerequisitesError`` with every finding otherwise."""
    findings, facts = find(settings, environment)
    refuse(PrerequisitesError, _HEADLINE, renamed(findings, names))
    return facts


def _interpreter(_: Settings) -> Iterator[Finding]:
    least, most = PYTHON
    if not least <= sys.version_info[:2] <= most:
        yield Finding(
            "ansible_python_interpreter",
            f"is Python {sys.version_info[0]}.{sys.version_info[1]}",
            f"Use Python {least[0]}.{least[1]} to {most[0]}.{most[1]}: run `make setup`.",
        )


def _ansible(_: Settings) -> Iterator[Finding]:
    try:
        version = metadata.version("ansible-core")
    except metadata.PackageNotFoundError:
        version = "0.0"
    if tuple(int(part) for part in version.split(".")[:2]) < ANSIBLE_CORE:
        least = ".".join(map(str, ANSIBLE_CORE))
        yield Finding("ansible-core", f"is {version}", f"Use {least} or later: run `make setup`.")


def _space(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.work_dir or ".").absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // (1 << 20)
    if free < settings.minimum_free_mib:
        yield Finding(
            "preflight_minimum_free_mib",
            f"{folder} has {free} MiB free, and {settings.minimum_free_mib} are asked for",
            "Make room, or set preflight_work_dir to a folder that has it.",
        )


def _builder(settings: Settings) -> Iterator[Finding]:
    if settings.container_builder != "docker":
        return
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError):
        yield Finding(
            "preflight_container_builder",
            "no Docker engine answers on this machine",
            "Start one, or set oci, which needs none.",
        )


def _answering(settings: Settings) -> Iterator[Finding]:
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


_START = {
    "emulator": "Start the rehearsal: `make stack-up`.",
    "aws": "Check the address, and that this machine may reach it.",
}


def _database(settings: Settings, facts: dict[str, Any]) -> Iterator[Finding]:
    """Whether the old database answers, and there are programs that can read it."""
    try:
        address = parse(resolve(settings.source_database), name="preflight_source_database")
        patient = Address({"connect_timeout": str(PATIENCE), **address.parameters})
        with session(patient, read_only=True, purpose="bmii-migrate preflight") as opened:
            major = opened.info.server_version // 10000
    except EngineError as error:
        yield Finding("preflight_source_database", _sentence(error), error.remedy or _START[settings.target])
        return
    facts["source_postgres"] = major
    # The rehearsal runs both databases with the one PostgreSQL that it finds on the machine.
    target = TARGET_POSTGRES if settings.real_account else major
    if major < SOURCE_POSTGRES:
        yield Finding(
            "preflight_source_database",
            f"is PostgreSQL {major}, and {SOURCE_POSTGRES} is the oldest that can be moved",
            f"Upgrade it to {SOURCE_POSTGRES} or later first.",
        )
        return
    if major > target:
        yield Finding(
            "preflight_source_database",
            f"is PostgreSQL {major}, newer than the new database's {target}",
            "A database cannot be moved to an older version.",
        )
        return
    try:
        facts["pg_dump"] = client_tools.find(major, target).major
    except EngineError as error:
        yield Finding("pg_dump", error.what, error.remedy)


def _store(settings: Settings) -> Iterator[Finding]:
    """Whether the old store answers, and has the buckets."""
    store = settings.source_store
    try:
        s3 = client(
            "s3",
            endpoint_url=store["endpoint"],
            aws_access_key_id=resolve(store["access_key"]),
            aws_secret_access_key=resolve(store["secret_key"]),
            region_name=store["region"],
            # Stores older than SDK checksums answer 400 to them.
            config=_IMPATIENT.merge(
                Config(
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path"},
                )
            ),
        )
    except EngineError as error:
        yield Finding("preflight_source_store", _sentence(error), error.remedy)
        return
    for name in settings.source_buckets:
        try:
            with translated(f"bucket {name}"):
                s3.head_bucket(Bucket=name)
        except AwsError as error:
            if error.code in _NOT_THERE:
                yield Finding(
                    "preflight_source_buckets", f"the old store has no bucket {name!r}", "Correct the name."
                )
                continue
            remedy = "Check the two keys." if error.code else _START[settings.target]
            yield Finding("preflight_source_store", _sentence(error), remedy)
            return


def _sentence(error: EngineError) -> str:
    return f"{error.subject}: {error.what}" if error.subject else error.what
