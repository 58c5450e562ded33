"""The plan of each phase, in the one form that is shown and kept.

A phase that was not planned has no section.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engines.stack import DATA

Section = dict[str, Any]
UNKNOWN = "known after apply"
_ACTIONS = {"Add": "add", "Modify": "change", "Remove": "delete", "Import": "add"}


def infrastructure(phase: Mapping[str, Any]) -> Section:
    """Return the stack's changes: those of a change set, if one was made."""
    stack = phase["stack"]
    changes = from_change_set(phase.get("change_set") or []) or list(stack["changes"])
    counts = {
        action: sum(one["action"] == action for one in changes)
        for action in ("add", "change", "replace", "delete")
    }
    return {
        "stack": stack["name"],
        "exists": stack["exists"],
        "status": stack["status"],
        "note": stack["note"],
        "source": "change set" if phase.get("change_set") else "comparison",
        "counts": counts,
        "changes": changes,
        "settings": list(stack["settings"]),
        "adopted": list(phase["adopted"]),
        "resources": list(stack["resources"]),
    }


def from_change_set(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the changes of a change set, as ``DescribeChangeSet`` has them, in our own form."""
    changes = []
    for one in found:
        change = one["ResourceChange"]
        replacement = change.get("Replacement", "False")
        action = "replace" if replacement == "True" else _ACTIONS.get(change["Action"], "change")
        names = [
            detail["Target"].get("Name") or detail["Target"]["Attribute"]
            for detail in change.get("Details", [])
        ]
        changes.append(
            {
                "action": action,
                "logical_id": change["LogicalResourceId"],
                "type": change["ResourceType"],
                "properties": sorted(set(names)),
                "doubtful": replacement == "Conditional",
                "left": "",
                "endangers_data": action in {"replace", "delete"} and change["ResourceType"] in DATA,
            }
        )
    return sorted(changes, key=lambda one: str(one["logical_id"]))


def secrets(phase: Mapping[str, Any]) -> Section:
    """Return the names of the secrets by what happens to them; values are nowhere."""
    found = {kind: [one["name"] for one in phase["secrets"] if one["action"] == kind] for kind in _SECRETS}
    return {_SECRETS[kind]: names for kind, names in found.items()}


_SECRETS = {"created": "create", "updated": "update", "unchanged": "keep"}


def database(phase: Mapping[str, Any]) -> Section:
    """Return the tables, rows and bytes that move, and the revisions that follow."""
    moving = [one for one in phase["tables"] if one["action"] != "keep"]
    return {
        "frozen": phase["frozen"],
        "recorded": phase.get("recorded", False),
        "situation": phase["situation"],
        "tables": [
            {
                "name": f"{one['schema']}.{one['name']}",
                **{key: one[key] for key in ("rows", "bytes", "action")},
            }
            for one in moving
        ],
        "rows": sum(one["rows"] for one in moving),
        "bytes": sum(one["bytes"] for one in moving),
        "counted": all(one.get("counted", False) for one in moving),
        "kept": len(phase["tables"]) - len(moving),
        "not_copied": list(phase["not_copied"]),
        "differences": phase["differences"],
        "revisions": list(phase["revisions"]),
        "revision": phase["revision"] or "",
        "grants": list(phase["grants"]),
    }


def storage(phase: Mapping[str, Any]) -> Section:
    """Return the objects and bytes that move, by bucket."""
    buckets = [_bucket(phase, name, found) for name, found in phase["buckets"].items()]
    return {
        "frozen": phase["frozen"],
        "buckets": buckets,
        **{
            key: sum(one[key] for one in buckets)
            for key in ("objects", "bytes", "kept", "kept_bytes", "gone")
        },
        "refused": [sentence for one in buckets for sentence in one["refused"]],
    }


def _bucket(phase: Mapping[str, Any], name: str, found: Mapping[str, Any]) -> Section:
    plan, size = found.get("plan", {}), found.get("plan_bytes", {})
    replaced = phase["replaces"]
    compared = found.get("evidence", {})
    return {
        "bucket": phase["targets"].get(name, name),
        "objects": plan.get("copy", 0) + (plan.get("differs", 0) if replaced else 0),
        "bytes": size.get("copy", 0) + (size.get("differs", 0) if replaced else 0),
        "kept": plan.get("equal", compared.get("equal", 0)),
        "kept_bytes": size.get("equal", compared.get("bytes", 0)),
        "gone": (plan.get("differs", 0) if replaced else 0)
        + (plan.get("extra", 0) if phase["deletes"] else 0),
        "refused": list(found.get("refused", [])),
        "not_copied": list(found.get("not_copied", [])),
    }


def image(phase: Mapping[str, Any]) -> Section:
    """Return the image; its digest may be known only after it is built."""
    return {
        "build": phase["changed"],
        "image": phase["image"] or UNKNOWN,
        "source_digest": phase["source_digest"],
        "tags": list(phase["tags"]),
        "builder": phase["builder"],
    }


def service(phase: Mapping[str, Any]) -> Section:
    """Return what is done to the service."""
    keys = ("service", "cpu", "memory", "tasks", "platform")
    found = {**{key: phase[key] for key in keys}, "actions": list(phase["actions"])}
    return {**found, "go_live": list(phase.get("go_live", [])), "domain": str(phase.get("domain") or "")}
