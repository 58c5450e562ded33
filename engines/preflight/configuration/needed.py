"""Rules about what is needed because of something else that is set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engines.preflight.model import Finding, Rule, Settings

_PYTHON = re.compile(r"(?:/usr(?:/local)?/bin/)?python(?:3(?:\.\d+)?)?")


def _entrypoint(settings: Settings) -> Iterator[Finding]:
    if settings.container_builder == "oci" and not settings.entrypoint:
        yield Finding(
            "container_entrypoint",
            "is not set, and an image that no Dockerfile describes needs it",
            "Write the words of the command that starts the service, such as [python3, -m, shop].",
        )


def _python(settings: Settings) -> Iterator[Finding]:
    """Judge whether what runs without Docker is Python: its image holds no other interpreter."""
    entries = [("container_entrypoint", settings.entrypoint)]
    entries += [("platform_workers", one.get("entrypoint") or ()) for one in settings.workers]
    for variable, words in entries:
        program = str(words[0]) if words else ""
        if settings.container_builder == "oci" and program and not _PYTHON.fullmatch(program):
            yield Finding(
                variable,
                f"{program!r} is not Python, and nothing else runs without Docker",
                "Set platform_container_builder to docker, and rehearse it with inventories/docker.",
            )


def _application_address(settings: Settings) -> Iterator[Finding]:
    if settings.application_role and not settings.application_address:
        yield Finding(
            "database_application_address",
            "is not set, and the password of database_application_role is taken from it",
            "Set it, such as ssm:/shop/production/APP_DATABASE_URL, or empty the role to make none.",
        )


RULES: tuple[Rule, ...] = (_entrypoint, _python, _application_address)
