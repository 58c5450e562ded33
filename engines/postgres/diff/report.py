"""The evidence of a comparison, and its table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engines.postgres.catalog import Database, Objects
from engines.postgres.checksum import ALGORITHM
from engines.postgres.diff.comparison import Comparison, TableResult
from engines.postgres.session import Address

_DIFFERENCES = 10
_LINES = 40


def evidence(found: Comparison, source: Address, target: Address) -> dict[str, Any]:
    """Return what is kept to prove the result: plain data without secrets, nor values besides keys."""
    return {
        "equal": found.equal,
        "differences": found.differences()[:_DIFFERENCES],
        "algorithm": ALGORITHM,
        "source": _end(found.source, source, found.snapshots[0]),
        "target": _end(found.target, target, found.snapshots[1]),
        "source_revision": list(found.source.revision),
        "target_revision": list(found.target.revision),
        "upgrade_proven": found.upgrade_proven,
        "started": found.started,
        "seconds": found.seconds,
        "tables": {one.table: _table(one) for one in found.tables},
        "materialized_views": {one.table: _table(one) for one in found.views},
        "sequences": len(found.sequences),
        "large_objects": found.large_objects.as_dict() if found.large_objects else None,
        "objects": counts(found.source.objects),
        "apart": {"count": len(found.apart), "first": list(found.apart[:_DIFFERENCES])},
        "not_compared": [one.as_dict() for one in found.not_compared],
    }


def counts(objects: Objects) -> dict[str, int]:
    """Return how many objects there are of each kind."""
    kinds = [key.kind for key in objects]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def report(found: Comparison) -> list[str]:
    """Return the result as lines of text: what differs first, then the largest tables."""
    ranked = sorted((*found.tables, *found.views), key=lambda one: (one.equal, -one.source.rows, one.table))
    rows = [("table", "source", "target", "")]
    rows += [(one.table, f"{one.source.rows:,}", _rows(one), _verdict(one)) for one in ranked[:_LINES]]
    lines = list(_aligned(rows))
    if len(ranked) > _LINES:
        rest = ranked[_LINES:]
        lines.append(f"and {len(rest)} more, of which {sum(not one.equal for one in rest)} differ")
    behind = [one for one in found.sequences if not one.equal]
    lines.append(f"{len(found.sequences)} sequences, {len(behind)} differ")
    if found.large_objects:
        several = found.large_objects
        lines.append(f"{several.source.count} large objects, {len(several.differences)} differ")
    lines.append(f"{len(found.source.objects)} schema objects, {len(found.schema.lines())} differ")
    if found.upgraded:
        proven = ", as its revisions do when they run anew" if found.upgrade_proven else ""
        lines.append(f"{len(found.by_upgrade.lines())} schema objects were changed by the upgrade{proven}")
    if found.apart:
        lines.append(f"{len(found.apart)} owners, privileges and the like differ, which are not copied")
        lines += [f"  {line}" for line in found.apart[:_DIFFERENCES]]
    lines += [f"not compared: {one.kind} {one.name} ({one.reason})" for one in found.not_compared]
    return lines


def _end(facts: Database, address: Address, snapshot: str) -> dict[str, str]:
    return {"address": str(address), "version": facts.server.version, "snapshot": snapshot}


def _table(one: TableResult) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": one.source.rows, "checksum": one.source.checksum, "equal": one.equal}
    if one.source != one.target:
        found["target_rows"] = one.target.rows if one.target else None
        found["target_checksum"] = one.target.checksum if one.target else None
    if one.where:
        found["where"] = one.where.as_dict()
    if one.refreshed:
        found["refreshed"] = True
    return found


def _rows(one: TableResult) -> str:
    return f"{one.target.rows:,}" if one.target else "-"


def _verdict(one: TableResult) -> str:
    if one.refreshed:
        return "equal, once the source's is refreshed"
    if one.equal:
        return "equal"
    return f"differs: {one.where}" if one.where else "differs"


def _aligned(rows: list[tuple[str, str, str, str]]) -> Iterable[str]:
    name, here, there = (max(len(row[column]) for row in rows) for column in range(3))
    for row in rows:
        yield f"{row[0]:<{name}}  {row[1]:>{here}}  {row[2]:>{there}}  {row[3]}".rstrip()
