"""All checks of the prerequisites, run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engines.preflight.configuration import endpoint_section, find_wrong_addresses, find_wrong_profiles
from engines.preflight.errors import PrerequisitesError
from engines.preflight.model import Finding, Settings
from engines.preflight.prerequisites import account, machine, source
from engines.preflight.prerequisites.clients import IMPATIENT
from engines.preflight.results import refuse

_HEADLINE = "Prerequisites are missing."

Probe = Callable[[Settings], Iterator[Finding]]


def find(settings: Settings, environment: Mapping[str, str]) -> tuple[list[Finding], dict[str, Any]]:
    """Check all prerequisites at once; return what is missing, and facts worth showing.

    When the guard on addresses refuses an address, nothing is connected to.
    """
    refused = [
        *find_wrong_addresses(settings, environment, endpoint_section(environment)),
        *find_wrong_profiles(environment),
    ]
    if refused:
        return refused, {}
    facts: dict[str, Any] = {}
    probes: Sequence[Probe] = (
        machine.interpreter,
        machine.ansible,
        machine.space,
        machine.builder,
        source.answering,
        lambda these: source.database(these, facts),
        source.store,
        lambda these: account.find(these, facts, IMPATIENT),
    )
    with ThreadPoolExecutor(len(probes)) as pool:
        answers = pool.map(lambda probe: list(probe(settings)), probes)
        return [finding for answer in answers for finding in answer], facts


def check(settings: Settings, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return facts about what was found; raise ``PrerequisitesError`` with every finding otherwise."""
    findings, facts = find(settings, environment)
    refuse(PrerequisitesError, _HEADLINE, findings)
    return facts
