"""The results of this package as the return values of modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engines.postgres.catalog import ObjectKey, SchemaDifference
from engines.postgres.clone import CloneResult
from engines.postgres.diff import Comparison, report
from engines.postgres.session import Address


def clone_result(result: CloneResult, *, absent: bool = False) -> dict[str, Any]:
    """Return what the module ``pg_clone`` documents. ``absent``: the target is not there yet."""
    lines = result.plan.lines()
    return {
        "changed": result.plan.changes,
        "plan": ([f"set the database aside ({result.set_aside})"] if result.set_aside else []) + lines,
        "set_aside": result.set_aside,
        "situation": "absent" if absent else result.plan.situation,
        "tables": result.tables,
        "rows": sum(one.rows for one in result.copied),
        "bytes": sum(one.bytes for one in result.copied),
        "objects": dict(result.objects),
        "not_copied": [one.as_dict() for one in result.plan.not_copied],
        "seconds": result.seconds,
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in lines)},
    }


def compare_result(found: Comparison, source: Address, target: Address) -> dict[str, Any]:
    """Return what the module ``pg_compare`` documents."""
    return {
        "changed": False,
        "equal": found.equal,
        "differences": found.differences(),
        "tables": [one.as_dict() for one in found.tables],
        "materialized_views": [one.as_dict() for one in found.views],
        "sequences": [one.as_dict() for one in found.sequences],
        "large_objects": found.large_objects.as_dict() if found.large_objects else None,
        "schema": _difference(found.schema),
        "upgraded": found.upgraded,
        "upgrade_proven": found.upgrade_proven,
        "apart": list(found.apart),
        "added_by_upgrade": _names(found.by_upgrade.extra),
        "changed_by_upgrade": _names((*found.by_upgrade.different, *found.by_upgrade.missing)),
        "not_compared": [one.as_dict() for one in found.not_compared],
        "report": report.report(found),
        "counts": {
            "tables": len(found.tables),
            "tables_equal": sum(one.equal for one in found.tables),
            "rows": sum(one.source.rows for one in found.tables),
            "sequences": len(found.sequences),
            "objects": len(found.source.objects),
        },
        "baseline": found.baseline.to_dict() if found.baseline else {},
        "evidence": report.evidence(found, source, target),
        "seconds": found.seconds,
    }


def _difference(found: SchemaDifference) -> dict[str, list[str]]:
    return {
        "missing": _names(found.missing),
        "extra": _names(found.extra),
        "different": _names(found.different),
    }


def _names(keys: Iterable[ObjectKey]) -> list[str]:
    return [str(key) for key in keys]
