"""All checks of the configuration, without any connection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from engines.preflight import variables
from engines.preflight.configuration import (
    account,
    compute,
    endpoints,
    managed,
    needed,
    plaintext_secrets,
    profiles,
    same_place,
    sources,
)
from engines.preflight.errors import ConfigurationWrongError
from engines.preflight.model import Finding, Settings
from engines.preflight.results import refuse
from engines.preflight.variables import Configuration, Description
from engines.runs import processes

_HEADLINE = "The configuration is wrong."


_TARGETS = ("emulator", "aws")


def find(settings: Settings, environment: Mapping[str, str], profile: Mapping[str, object]) -> list[Finding]:
    """Return everything that is wrong, in the order in which a reader would put it right.

    ``environment`` and ``profile`` (the AWS profile's section) may name endpoints of their own.
    """
    if settings.target not in _TARGETS:  # which rules hold cannot be said
        what = f"{settings.target!r} is no target" if settings.target else "is not set"
        return [Finding("platform_target", what, "Set emulator (the rehearsal) or aws.")]
    rules = (*account.RULES, *sources.RULES, *managed.RULES, *compute.RULES, *needed.RULES)
    findings = [finding for rule in rules for finding in rule(settings)]
    findings += [*managed.referenced(settings, environment), *same_place.find(settings, environment)]
    guarded = endpoints.find(settings, environment, profile)
    return findings + list(_of_others(guarded, [one.variable for one in findings]))


def check(
    configuration: Configuration,
    descriptions: Mapping[str, Description],
    environment: Mapping[str, str],
    inventory_dir: str,
) -> None:
    """Raise ``ConfigurationWrongError`` with every finding: of single values, and of what must go together.

    What is wrong with a single value is not reported again by a rule, nor for what is made from it.
    """
    wrong, usable = variables.find(descriptions, configuration)
    single = [*wrong, *variables.missing(descriptions, configuration)]
    # What AWS clients will be given; this task has it not, since it may be what is wrong.
    clients = {name: str(value) for name, value in usable.get("platform_aws_environment", {}).items()}
    environment = {**environment, **clients}
    settings = Settings.from_values(usable, inventory_dir)
    command_line = processes.command(processes.playbook_above(os.getpid()))
    together = [
        *find(settings, environment, profiles.endpoint_section(environment)),
        # A rehearsal writes its profile when it starts.
        *(profiles.find(environment) if settings.real_account else ()),
        *plaintext_secrets.in_files(settings),
        *plaintext_secrets.on_command_line(settings, command_line),
    ]
    found = [*single, *_of_others(together, [one.variable for one in single])]
    refuse(ConfigurationWrongError, _HEADLINE, configuration.causes(found))


def _of_others(found: Sequence[Finding], reported: Sequence[str]) -> Iterator[Finding]:
    """Yield the findings about variables that are not in ``reported``, nor within one of these."""
    for finding in found:
        if not any(finding.variable == one or finding.variable.startswith(f"{one}.") for one in reported):
            yield finding
