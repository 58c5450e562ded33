"""Rules about what is needed because of something else that is set."""

from __future__ import annotations

from collections.abc import Iterator

from engines.preflight.model import Finding, Rule, Settings


def _entrypoint(settings: Settings) -> Iterator[Finding]:
    if settings.container_builder == "oci" and not settings.entrypoint:
        yield Finding(
            "container_entrypoint",
            "is not set, and an image that no Dockerfile describes needs it",
            "Write the words of the command that starts the service, such as [python3, -m, shop].",
        )


def _application_address(settings: Settings) -> Iterator[Finding]:
    if settings.application_role and not settings.application_address:
        yield Finding(
            "database_application_address",
            "is not set, and the password of database_application_role is taken from it",
            "Set it, such as ssm:/shop/production/APP_DATABASE_URL, or empty the role to make none.",
        )


def _reference_path(settings: Settings) -> Iterator[Finding]:
    if settings.reference_requests and not settings.reference_path:
        yield Finding(
            "deploy_reference_path",
            "is not set, and deploy_reference_requests are sent to it",
            "Set the path, such as /search, or empty the requests.",
        )


RULES: tuple[Rule, ...] = (_entrypoint, _application_address, _reference_path)
