"""The source service: the platform itself, in development mode, and its data."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK, PYTHON, Program, minimal_environment, not_started

_REFERENCE = Path("service/bmii/reference/interactions.csv")
_CONFIGURATION = Path("migrations/alembic.ini")


@dataclass(frozen=True)
class Source:
    """Another application than BMII: what runs it, and what fills its database and buckets, in order."""

    command: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    health_path: str = "/health"

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> Source | None:
        """Return the application that an inventory describes; ``None`` when it describes none."""
        if not given:
            return None
        return cls(
            command=tuple(map(str, given["command"])),
            setup=tuple(tuple(map(str, words)) for words in given.get("setup") or ()),
            environment={name: str(value) for name, value in (given.get("environment") or {}).items()},
            health_path=str(given.get("health_path") or "/health"),
        )

    def program(self, port: int) -> Program:
        """Return how to run it on ``port``."""
        return Program(
            name="service",
            command=(_program(self.command[0]), *self.command[1:]),
            ports={"service": port},
            ready=lambda: is_ready(port, self.health_path),
            environment=minimal_environment(**self.environment, PYTHONUNBUFFERED="1"),
        )

    def fill(self, mark: Mapping[str, str], log: Path) -> None:
        """Run the commands that make its schema and its data."""
        for words in self.setup:
            _run("source data", words, {**self.environment, **mark}, log)


def _program(word: str) -> str:
    return PYTHON if word in {"python", "python3"} else word


def program(python: str, port: int, settings: Mapping[str, str]) -> Program:
    """Return how to run the service on ``port``."""
    return Program(
        name="service",
        command=(python, "-m", "bmii", "serve"),
        ports={"service": port},
        ready=lambda: is_ready(port),
        environment=minimal_environment(**settings, PYTHONUNBUFFERED="1"),
    )


def is_ready(port: int, path: str = "/health") -> bool:
    """Return whether database, object store and model are all well, in the service's own words."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def upgrade(project: Path, revision: str, settings: Mapping[str, str], log: Path) -> None:
    """Bring the schema to ``revision``; ``head-1`` is the one before the newest."""
    wanted = revision_of(project, revision)
    words = (PYTHON, "-m", "alembic", "-c", str(project / _CONFIGURATION), "upgrade", wanted)
    _run("source schema", words, settings, log)


def ingest(project: Path, settings: Mapping[str, str], log: Path) -> None:
    """Fill database and object store with the reference set."""
    _run("source data", (PYTHON, "-m", "bmii", "ingest", str(project / _REFERENCE)), settings, log)


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
            [_program(words[0]), *words[1:]],
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
