"""Everything that can be told from the configuration alone. Nothing is connected to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from engines.preflight.configuration import (
    account,
    compute,
    endpoints,
    managed,
    plaintext_secrets,
    profiles,
    same_place,
    sources,
)
from engines.preflight.errors import ConfigurationWrongError
from engines.preflight.model import Finding, Settings
from engines.preflight.results import refuse, renamed
from engines.runs import processes

_HEADLINE = "The configuration is wrong."


_TARGETS = ("emulator", "aws")
# What an inventory usually makes of a value; once that is right, these are looked at on their own.
_MADE_OF: Mapping[str, Sequence[str]] = {
    "preflight_name": (
        "preflight_target_buckets",
        "preflight_state_bucket",
        "preflight_access_logs_bucket",
        "preflight_parameter_path",
        "preflight_database.instance_identifier",
    ),
    "preflight_account_id": ("preflight_state_bucket", "preflight_access_logs_bucket"),
}


def find(settings: Settings, environment: Mapping[str, str], profile: Mapping[str, object]) -> list[Finding]:
    """Return everything that is wrong, in the order in which a reader would put it right.

    ``environment`` and ``profile`` (the AWS profile's section) may name endpoints of their own.
    """
    if settings.target not in _TARGETS:  # which rules hold cannot be said
        what = f"{settings.target!r} is no target" if settings.target else "is not set"
        return [Finding("preflight_target", what, "Set emulator (the rehearsal) or aws.")]
    rules = (*account.RULES, *sources.RULES, *managed.RULES, *compute.RULES)
    findings = [finding for rule in rules for finding in rule(settings)]
    findings += same_place.find(settings, environment)
    guarded = endpoints.find(settings, environment, profile)
    return findings + list(_beside(guarded, [one.variable for one in findings]))


def check(
    settings: Settings,
    environment: Mapping[str, str],
    names: Mapping[str, str],
    misshapen: Sequence[Finding] = (),
) -> None:
    """Raise ``ConfigurationWrongError`` with every finding, under the inventory's ``names``.

    ``misshapen`` tells what was left out of ``settings`` for its type; that it is missing is not told again.
    """
    command_line = processes.command(processes.playbook_above(os.getpid()))
    found = [
        *find(settings, environment, profiles.endpoint_section(environment)),
        *profiles.find(environment),
        *plaintext_secrets.in_files(settings, names),
        *plaintext_secrets.on_command_line(settings, command_line),
    ]
    told = [*misshapen, *_beside(found, [one.variable for one in misshapen])]
    refuse(ConfigurationWrongError, _HEADLINE, renamed(_causes(told), names))


def _causes(found: Sequence[Finding]) -> list[Finding]:
    """Leave out what may be wrong only because it is made of something that is."""
    wrong = {one.variable for one in found}
    return list(_beside(found, [made for part in sorted(wrong) for made in _MADE_OF.get(part, ())]))


def _beside(found: Sequence[Finding], variables: Sequence[str]) -> Iterator[Finding]:
    """Yield what of ``found`` is about other variables than ``variables``, and what is within them."""
    for finding in found:
        if not any(finding.variable == one or finding.variable.startswith(f"{one}.") for one in variables):
            yield finding
