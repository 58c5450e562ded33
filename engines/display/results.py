"""What of a module's return values is shown: few fields, so that a recorded run stays small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Result = Mapping[str, Any]


def facts(action: str, result: Result) -> dict[str, Any] | None:
    """Return what is shown of the result of a module of this project; None if nothing is."""
    read = _READ.get(action.rsplit(".", 1)[-1])
    if read is None or "censored" in result or result.get("skipped"):
        return None
    return {"changed": bool(result.get("changed")), **read(result)}


def merged(action: str, known: Result | None, new: Result) -> Result:
    """Return what is shown of a module that has run once more, such as for what came in late.

    Copies add up. Of comparisons the one by content counts, unless another one finds a difference.
    """
    if known is None:
        return new
    if action in _COPIES:
        counted = {
            name: known[name] + new[name] for name in new if name not in {"changed", "tables", "buckets"}
        }
        wider = {name: max(known[name], new[name]) for name in ("tables", "buckets") if name in new}
        return {"changed": known["changed"] or new["changed"], **counted, **wider}
    if action == "s3_compare" and known["mode"] == "content" and not new["other"]:
        return known
    return {**new, "changed": known["changed"] or new["changed"]}


def _clone(result: Result) -> dict[str, Any]:
    copied = [one for one in result.get("tables") or () if one.get("action") != "keep"]
    return {"tables": len(copied), "rows": result.get("rows", 0), "bytes": result.get("bytes", 0)}


def _buckets(result: Result) -> list[Result]:
    return list((result.get("buckets") or {}).values())


def _mirror(result: Result) -> dict[str, Any]:
    found = _buckets(result)
    return {
        "buckets": len(found),
        "objects": sum(one.get("copied") or 0 for one in found),
        "bytes": sum(one.get("bytes") or 0 for one in found),
    }


def _mirror_compare(result: Result) -> dict[str, Any]:
    found = _buckets(result)
    counts = [one.get("counts") or {} for one in found]
    return {
        "buckets": len(found),
        "equal": sum(one.get("equal") or 0 for one in counts),
        "other": sum(number or 0 for one in counts for kind, number in one.items() if kind != "equal"),
        "bytes": sum((one.get("evidence") or {}).get("bytes") or 0 for one in found),
        "mode": next(((one.get("evidence") or {}).get("mode", "") for one in found), ""),
    }


def _compare(result: Result) -> dict[str, Any]:
    counts = result.get("counts") or {}
    names = ("tables", "tables_equal", "rows", "sequences", "objects")
    return {
        "equal": bool(result.get("equal")),
        "algorithm": (result.get("evidence") or {}).get("algorithm", ""),
        **{name: counts.get(name, 0) for name in names},
    }


def _image(result: Result) -> dict[str, Any]:
    layers = result.get("layers") or ()
    return {
        "digest": result.get("digest") or "",
        "bytes": sum(one.get("size") or 0 for one in layers if isinstance(one, Mapping)),
    }


def _smoke(result: Result) -> dict[str, Any]:
    evidence = result.get("evidence") or {}
    names = [str(one.get("name", "")) for one in evidence.get("results") or ()]
    return {
        "tests": evidence.get("tests", 0),
        "passed": evidence.get("passed", 0),
        "skipped": evidence.get("skipped", 0),
        "answers": sum(name.startswith("same answer") for name in names),
        "slowest_ms": evidence.get("slowest_ms", 0),
    }


def _ledger(result: Result) -> dict[str, Any]:
    outputs = result.get("outputs") or {}
    return {
        "run_id": result.get("run_id") or "",
        "url": outputs.get("alb_url") or "",
        "verdict": outputs.get("verdict") or "",
        "domain": outputs.get("domain") or "",
        "live_since": result.get("live_since") or "",
        "standing": result.get("standing") or "",
    }


def _stack(result: Result) -> dict[str, Any]:
    return {"resources": len(result.get("resources") or ()), "changes": len(result.get("changes") or ())}


_COPIES = ("pg_clone", "s3_mirror")
_READ: Mapping[str, Callable[[Result], dict[str, Any]]] = {
    "pg_clone": _clone,
    "pg_compare": _compare,
    "s3_mirror": _mirror,
    "s3_compare": _mirror_compare,
    "oci_image": _image,
    "smoke_test": _smoke,
    "ledger": _ledger,
    "stack_plan": _stack,
    "local_stack": lambda _: {},
    "alembic_upgrade": lambda result: {
        "to": result.get("to") or "",
        "applied": len(result.get("applied") or ()),
    },
    "ecs_deploy": lambda result: {
        "answer": result.get("answer") or "",
        "seconds": result.get("seconds") or 0,
    },
    "ecs_rollback": lambda result: {"answer": result.get("answer") or ""},
    "migration_report": lambda result: {"path": result.get("page") or ""},
}
