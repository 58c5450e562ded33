"""Composing the operator's policy from its sources, by the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from engines.errors import ConfigurationError
from engines.policy.model import Document, Statement, document, resources

RULES = Path(__file__).with_name("rules.yml")
RECORDED = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True)
class Rule:
    """One statement-to-be. ``match`` and ``but`` are patterns of actions; ``because`` are recorded ones."""

    sid: str
    resources: Sequence[str]
    match: Sequence[str] = ()
    but: Sequence[str] = ()
    actions: Sequence[str] = ()
    because: Sequence[str] = ()
    condition: Mapping[str, Any] = field(default_factory=dict)
    effect: str = "Allow"
    why: str = ""

    def takes(self, action: str) -> bool:
        """Return whether an action goes into this statement."""
        return _any(action, self.match) and not _any(action, self.but)

    def statement(self, actions: Iterable[str]) -> Statement:
        """Return the statement for ``actions``."""
        made = {"Sid": self.sid, "Effect": self.effect, "Action": sorted(actions)}
        made["Resource"] = list(self.resources)
        return {**made, "Condition": dict(self.condition)} if self.condition else made


@dataclass(frozen=True)
class LeftOut:
    """Actions that a source names and nobody needs, and why."""

    match: Sequence[str]
    why: str
    keep: Sequence[str] = ()

    def takes(self, action: str) -> bool:
        """Return whether an action is left out."""
        return _any(action, self.match) and not _any(action, self.keep)


@dataclass(frozen=True)
class Rules:
    """What ``rules.yml`` says."""

    recorded: Sequence[Rule]
    besides: Sequence[Rule]
    handlers: Sequence[Rule]
    left_out: Sequence[LeftOut]
    done_without: Sequence[LeftOut]
    always_allowed: frozenset[str]


@dataclass(frozen=True)
class Composed:
    """The policy, why each statement with the resource ``*`` has it, and which actions were left out why."""

    policy: Document
    whys: Mapping[str, str]
    left_out: Sequence[tuple[str, Sequence[str]]]


def read(path: Path = RULES) -> Rules:
    """Return the rules of a file."""
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    recorded, besides, handlers = (
        [Rule(**one) for one in given[kind]] for kind in ("recorded", "besides", "handlers")
    )
    left_out, done_without = (
        [LeftOut(**one) for one in given[kind]] for kind in ("left_out", "done_without")
    )
    return Rules(recorded, besides, handlers, left_out, done_without, frozenset(given["always_allowed"]))


def compose(rules: Rules, recorded: Iterable[str], handlers: Iterable[str]) -> Composed:
    """Return the policy for recorded calls and for what the handlers of the template's types ask.

    Raises ``ConfigurationError`` for an action that no rule takes.
    """
    called, wanted = set(recorded) - rules.always_allowed, set(handlers)
    left = [_take_out(one, called) for one in rules.done_without]
    elsewhere = {each for rule in rules.besides for each in rule.actions}
    called -= {each for each in called & elsewhere if not any(rule.takes(each) for rule in rules.recorded)}
    statements = _sorted_in(rules.recorded, called, "recorded")
    statements += [
        rule.statement(rule.actions) for rule in rules.besides if any(one in called for one in rule.because)
    ]
    # What may be done to anything already need not be allowed through CloudFormation again.
    everywhere = {each for one in statements if "*" in resources(one) for each in one["Action"]}
    left += [_take_out(one, wanted) for one in rules.left_out]
    wanted -= everywhere
    statements += _sorted_in(rules.handlers, wanted, "handlers")
    whys = {rule.sid: rule.why for rule in (*rules.recorded, *rules.besides, *rules.handlers) if rule.why}
    present = {one["Sid"] for one in statements}
    return Composed(
        document(statements),
        {sid: why for sid, why in whys.items() if sid in present},
        [one for one in left if one[1]],
    )


def unexplained(policy: Document, whys: Mapping[str, str]) -> list[str]:
    """Return the statements that allow something on every resource and say no reason."""
    return [one["Sid"] for one in policy["Statement"] if "*" in resources(one) and not whys.get(one["Sid"])]


def _take_out(left_out: LeftOut, actions: set[str]) -> tuple[str, Sequence[str]]:
    """Take the actions that are left out from ``actions``, and return them with the reason."""
    taken = sorted(each for each in actions if left_out.takes(each))
    actions.difference_update(taken)
    return left_out.why, taken


def _sorted_in(rules: Sequence[Rule], actions: Iterable[str], source: str) -> list[Statement]:
    taken: dict[str, list[str]] = {rule.sid: [] for rule in rules}
    for action in sorted(actions):
        rule = next((one for one in rules if one.takes(action)), None)
        if rule is None:
            raise ConfigurationError(
                f"no rule takes {action}",
                subject=f"operator's policy, {source}",
                remedy="Add one to engines/policy/rules.yml, or say there why it is left out.",
            )
        taken[rule.sid].append(action)
    return [rule.statement(taken[rule.sid]) for rule in rules if taken[rule.sid]]


def _any(action: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns)
