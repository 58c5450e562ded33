"""The whole plan: the phases' sections, and what follows from them for whoever approves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engines.migration_plan import cost, sections
from engines.migration_plan.sections import UNKNOWN, Section

_BITS = 8
_MEGA = 1_000_000
_SECTIONS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Section]]] = {
    "infrastructure": ("provision", sections.infrastructure),
    "secrets": ("provision", sections.secrets),
    "database": ("database", sections.database),
    "storage": ("storage", sections.storage),
    "image": ("container", sections.image),
    "service": ("deploy", sections.service),
}


@dataclass(frozen=True)
class Place:
    """Where the plan is about. ``bandwidth`` is what the copying is assumed to get, in Mbit/s."""

    environment: str
    account_id: str
    region: str
    bandwidth: float = 100.0


def summarise(phases: Mapping[str, Mapping[str, Any]], place: Place) -> dict[str, Any]:
    """Return the plan of ``phases``, each as its role sets it; a phase that is empty was not planned."""
    plan: dict[str, Any] = {
        name: build(phases[phase]) for name, (phase, build) in _SECTIONS.items() if phases.get(phase)
    }
    objects = plan.get("storage", {"objects": 0, "bytes": 0, "kept_bytes": 0})
    size = objects["bytes"] + plan.get("database", {"bytes": 0})["bytes"]
    summary: dict[str, Any] = {
        "environment": place.environment,
        "account_id": place.account_id,
        "region": place.region,
        "phases": [phase for phase in phases if phases[phase]],
        **plan,
        "irreversible": list(_irreversible(plan)),
        "transfer": {
            "bytes": size,
            "mbit_per_second": place.bandwidth,
            "seconds": round(size * _BITS / (place.bandwidth * _MEGA), 1),
        },
        UNKNOWN.replace(" ", "_"): list(_unknown(phases, plan)),
    }
    if phases.get("provision"):
        estimate = cost.estimate(
            place.region,
            phases["provision"]["stack"]["sizes"],
            phases.get("deploy") or {},
            objects["objects"],
            objects["bytes"] + objects["kept_bytes"],
        )
        summary["cost"] = estimate.as_dict()
    return {"changes": _changes(summary), **summary}


def _changes(plan: Mapping[str, Any]) -> bool:
    """Whether a run would change anything."""
    stack = plan.get("infrastructure", {"changes": [], "settings": [], "exists": True, "note": ""})
    secrets = plan.get("secrets", {"create": [], "update": []})
    database = plan.get("database", {"tables": [], "revisions": [], "grants": []})
    storage = plan.get("storage", {"objects": 0, "gone": 0})
    return any(
        (
            stack["changes"], stack["settings"], not stack["exists"], stack["note"],
            secrets["create"], secrets["update"],
            database["tables"], database["revisions"], database["grants"],
            storage["objects"], storage["gone"],
            plan.get("image", {}).get("build"), plan.get("service", {}).get("actions"),
        )
    )  # fmt: skip


def _irreversible(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cannot be taken back, the worst first."""
    for one in plan.get("infrastructure", {"changes": []})["changes"]:
        if one["endangers_data"]:
            left = f" ({one['left']})" if one["left"] else ""
            yield f"DATA: {one['type']} {one['logical_id']} would be {_PAST[one['action']]}{left}"
    database = plan.get("database")
    if database:
        replaced = [one["name"] for one in database["tables"] if one["action"] == "replace"]
        if replaced:
            yield f"DATA: rows of the target would be deleted and copied again: {', '.join(replaced)}"
        if database["revisions"]:
            yield f"{len(database['revisions'])} schema revision(s): they go forward only"
    gone = plan.get("storage", {"gone": 0})["gone"]
    if gone:
        yield f"DATA: {gone} object(s) of the target store would be overwritten or deleted"
    if any(action.startswith("create service") for action in plan.get("service", {"actions": []})["actions"]):
        yield (
            "the service goes live: from then on no run overwrites rows or objects of the target, and "
            "what users write there is not on the source"
        )


_PAST = {"replace": "REPLACED", "delete": "DELETED"}


def _unknown(phases: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of outputs that are known only after a run."""
    for name, value in phases.get("provision", {}).get("outputs", {}).items():
        if UNKNOWN in str(value):
            yield name
    if plan.get("image", {}).get("image") == UNKNOWN:
        yield "image"
