"""The source service: the platform itself, in development mode, and its data."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK, PYTHON, Program, minimal_environment, not_started

_REFERENCE = Path("service/bmii/reference/interactions.csv")
_CONFIGURATION = Path("migrations/alembic.ini")


def program(python: str, port: int, settings: Mapping[str, str]) -> Program:
    """Return how to run the service on ``port``."""
    return Program(
        name="service",
        command=(python, "-m", "bmii", "serve"),
        ports={"service": port},
        ready=lambda: is_ready(port),
        environment=minimal_environment(**settings, PYTHONUNBUFFERED="1"),
    )


def is_ready(port: int) -> bool:
    """Return whether database, object store and model are all well, in the service's own words."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def upgrade(project: Path, revision: str, settings: Mapping[str, str], log: Path) -> None:
    """Bring the schema to ``revision``; ``head-1`` is the one before the newest."""
    wanted = revision_of(project, revision)
    words = ("-m", "alembic", "-c", str(project / _CONFIGURATION), "upgrade", wanted)
    _run("source schema", words, settings, log)


def ingest(project: Path, settings: Mapping[str, str], log: Path) -> None:
    """Fill database and object store with the reference set."""
    _run("source data", ("-m", "bmii", "ingest", str(project / _REFERENCE)), settings, log)


def revision_of(project: Path, revision: str) -> str:
    """Return the revision that ``head-N`` stands for; another name is returned as it is."""
    if not revision.startswith("head-"):
        return revision
    from alembic.config import Config  # noqa: PLC0415 - a third of a second, needed once in a stack's life
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    script = ScriptDirectory.from_config(Config(str(project / _CONFIGURATION)))
    current = script.get_current_head()
    for _ in range(int(revision.removeprefix("head-"))):
        before = script.get_revision(current).down_revision if current else None
        current = before if isinstance(before, str) else None
    if current is None:
        raise RehearsalError(
            "there is no such revision",
            subject=f"local_stack_source_revision {revision}",
            remedy="Name a revision of migrations/versions, head, or head-N.",
        )
    return current


def _run(name: str, words: tuple[str, ...], settings: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as out:
        code = subprocess.run(
            [PYTHON, *words],
            env=minimal_environment(**settings, **_caches()),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code != 0:
        raise not_started(name, f"ended with exit code {code}", log)


def _caches() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PYTHONPYCACHEPREFIX",) if name in os.environ}
