"""Everything that can be told from the configuration alone. Nothing is connected to."""

from __future__ import annotations

from collections.abc import Mapping

from engines.preflight import account, compute, endpoints, managed, sources
from engines.preflight.model import ConfigurationWrongError, Finding, Settings, refuse, renamed

_HEADLINE = "The configuration is wrong."


def find(settings: Settings, environment: Mapping[str, str], profile: Mapping[str, object]) -> list[Finding]:
    """Return everything that is wrong, in the order in which a reader would put it right.

    ``environment`` and ``profile`` (the AWS profile's section) may name endpoints of their own.
    """
    rules = (*account.RULES, *sources.RULES, *managed.RULES, *compute.RULES)
    findings = [finding for rule in rules for finding in rule(settings)]
    return findings + endpoints.find(settings, environment, profile)


def check(settings: Settings, environment: Mapping[str, str], names: Mapping[str, str]) -> None:
    """Raise ``ConfigurationWrongError`` with every finding, under the inventory's ``names``."""
    found = find(settings, environment, endpoints.aws_profile(environment))
    refuse(ConfigurationWrongError, _HEADLINE, renamed(found, names))
