"""What would change in a stack, without a change set: two templates as they take effect, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources as files
from typing import Any

from engines.stack.model import Change
from engines.stack.template import Resource

# What the policies of a template leave behind of a resource that goes.
_LEFT = {"Retain": "kept", "RetainExceptOnCreate": "kept", "Snapshot": "a snapshot is kept"}
_TAGS = "Tags"


def compare(
    before: Mapping[str, Resource], after: Mapping[str, Resource], *, retagged: bool = False
) -> list[Change]:
    """Return the changes that lead from ``before`` to ``after``, by name.

    A resource that refers to one that is replaced changes with it. ``retagged``: the stack's own tags change,
    and with them every resource that bears tags.
    """
    replaced: frozenset[str] = frozenset()
    while True:
        both = [
            change for name in before.keys() & after.keys()
            if (change := _changed(name, before[name], after[name], replaced, retagged))
        ]  # fmt: skip
        now = frozenset(one.logical_id for one in both if one.action == "replace")
        if now == replaced:
            break
        replaced = now
    added = [Change("add", name, after[name].type) for name in after.keys() - before.keys()]
    gone = [
        Change("delete", name, before[name].type, left=_left(before[name], "DeletionPolicy"))
        for name in before.keys() - after.keys()
    ]
    return sorted([*both, *added, *gone], key=lambda one: one.logical_id)


def _changed(
    name: str, before: Resource, after: Resource, replaced: frozenset[str], retagged: bool
) -> Change | None:
    """Return what happens to one resource that is in both, or None."""
    if before.type != after.type:
        return Change("replace", name, after.type, ("Type",), left=_left(before, "UpdateReplacePolicy"))
    differing = tuple(sorted(_differing(before, after, replaced)))
    rules = replacements().get(after.type)
    if not differing and retagged and (rules is None or rules["tagged"]):
        return Change("change", name, after.type, (_TAGS,))
    if not differing:
        return None
    properties = set(differing) & (before.properties.keys() | after.properties.keys())
    if rules is not None and properties & set(rules["always"]):
        return Change("replace", name, after.type, differing, left=_left(before, "UpdateReplacePolicy"))
    doubtful = bool(properties) if rules is None else bool(properties & set(rules["perhaps"]))
    return Change("change", name, after.type, differing, doubtful)


def _differing(before: Resource, after: Resource, replaced: frozenset[str]) -> Iterator[str]:
    for name in before.properties.keys() | after.properties.keys():
        if before.properties.get(name) != after.properties.get(name) or after.refers_to(name, replaced):
            yield name
    for name in before.attributes.keys() | after.attributes.keys():
        if before.attributes.get(name) != after.attributes.get(name):
            yield name


def _left(resource: Resource, policy: str) -> str:
    return _LEFT.get(str(resource.attributes.get(policy, "Delete")), "")


@cache
def replacements() -> dict[str, dict[str, Any]]:
    """Return, by type, what can only be changed by replacing (``scripts/replacements`` writes the table)."""
    text = files.files("engines.stack").joinpath("replacements.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)
    return table
