"""The user's AWS profile: whether it exists, and its endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

from engines.preflight.model import Finding

# The variable of the environment by which a profile is chosen; an inventory has a name of its own for it.
PROFILE = "AWS_PROFILE"


def endpoint_section(environment: Mapping[str, str]) -> dict[str, object]:
    """Return the ``endpoint_url`` of the chosen profile, and the section of each service in it."""
    full = _files()
    section = full.get("profiles", {}).get(environment.get(PROFILE) or "default", {})
    services = full.get("services", {}).get(section.get("services", ""), {})
    url = section.get("endpoint_url")
    return {**({"endpoint_url": url} if url else {}), **(services if isinstance(services, dict) else {})}


def find(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Find a profile that does not exist, and files that cannot be read: no client could be made."""
    chosen = environment.get(PROFILE)
    try:
        there = botocore.session.Session().full_config.get("profiles", {})
    except BotoCoreError as error:
        yield Finding("AWS_CONFIG_FILE", str(error), "Correct the file, or name another.")
        return
    if chosen and chosen not in there:
        known = f"it has {', '.join(sorted(there))}" if there else "it has none"
        yield Finding(
            "platform_aws_profile",
            f"there is no profile {chosen!r} in ~/.aws/config ({known})",
            "Correct the name, or add the profile as docs/guides/production.md shows.",
        )


def _files() -> dict[str, Any]:
    try:
        return dict(botocore.session.Session().full_config)
    except BotoCoreError:
        return {}
