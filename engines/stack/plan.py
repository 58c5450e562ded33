"""The plan of the stack: the deployed template against the wanted one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.ownership import TAG, require_ours
from engines.stack import changes
from engines.stack.model import Change, Deployed
from engines.stack.recovery import condition
from engines.stack.template import Resource, evaluate

_SHELL = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class Wanted:
    """The stack as the inventory has it.

    Of ``kept_tags`` a stack that has them keeps the value. No ``termination_protection`` leaves it as it is.
    ``adopt`` names the environment that may take over a stack of this name without tags.
    """

    name: str
    region: str
    template: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    kept_tags: frozenset[str] = frozenset()
    termination_protection: bool | None = None
    adopt: str = ""

    @property
    def known(self) -> dict[str, str]:
        """The pseudo parameters that are known before AWS is asked."""
        return {"AWS::Region": self.region, "AWS::StackName": self.name}

    def tags_for(self, deployed: Deployed | None) -> dict[str, str]:
        """Return the tags that the stack would have."""
        has = deployed.tags if deployed else {}
        return {**self.tags, **{name: has[name] for name in self.kept_tags & has.keys()}}

    def resources(self) -> dict[str, Resource]:
        """Return the resources that it would have."""
        return evaluate.resources(self.template, self.parameters, self.known)


@dataclass(frozen=True)
class Plan:
    """What would be done. ``settings`` are changes of the stack that are of no resource."""

    wanted: Wanted
    deployed: Deployed | None
    changes: tuple[Change, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the stack has to be applied: something changes, or AWS is not done with it."""
        return bool(self.changes or self.settings) or self.deployed is None or not self.deployed.settled

    @property
    def note(self) -> str:
        """What has to be known about a stack that is not finished."""
        if self.deployed is None or self.deployed.settled:
            return ""
        if self.deployed.busy:
            return f"AWS is still at work on it ({self.deployed.status}); a run waits until it is done"
        if self.deployed.status == _SHELL:
            return "it is a change set that was never executed; a run begins it anew"
        found = condition(self.wanted.name, self.deployed.status)
        how = f"-e provision_recover_stack={found.name}"
        return f"it {found.sentence} A run goes on with `{how}`, to {found.does}"


def make(wanted: Wanted, deployed: Deployed | None) -> Plan:
    """Compare wanted and deployed stack. Raises ``RefusedError`` about another environment's stack."""
    after = wanted.resources()
    if deployed is None:
        return Plan(wanted, None, tuple(changes.compare({}, after)))
    if deployed.tags or not deployed.begun:
        require_ours(f"stack {wanted.name}", deployed.tags, wanted.tags, wanted.adopt)
    before = evaluate.resources(deployed.template, deployed.parameters, wanted.known)
    if not deployed.settled:
        # Of a stack that is half made, what is not finished is yet to come.
        before = {name: one for name, one in before.items() if _is_there(deployed.resources.get(name, ""))}
    retagged = wanted.tags_for(deployed) != deployed.tags
    found = changes.compare(before, after, retagged=retagged)
    return Plan(wanted, deployed, tuple(found), tuple(_settings(wanted, deployed, found)))


def _is_there(status: str) -> bool:
    return status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


def _settings(wanted: Wanted, deployed: Deployed, found: list[Change]) -> list[str]:
    """Return the changes that are of no resource: parameters, tags and the like."""
    parameters = evaluate.parameters(wanted.template, wanted.parameters)
    differing = sorted(
        name
        for name in parameters.keys() | deployed.parameters.keys()
        if parameters.get(name) != deployed.parameters.get(name)
    )
    settings = [f"parameters: {', '.join(differing)}"] if differing else []
    if wanted.tags_for(deployed) != deployed.tags:
        adopted = wanted.adopt and TAG not in deployed.tags
        settings.append(f"tags: it is taken over, as it carries no tag {TAG}" if adopted else "tags")
    if wanted.termination_protection not in {None, deployed.termination_protection}:
        settings.append(f"termination protection: {'on' if wanted.termination_protection else 'off'}")
    if wanted.template.get("Outputs") != deployed.template.get("Outputs"):
        settings.append("outputs")
    if not found and not settings and wanted.template != deployed.template:
        settings.append("the template's text, without an effect on resources")
    return settings
