"""What a comparison of today says of the evidence in the ledger: what is as it was proven. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Data = Mapping[str, Any]
# The version of what is kept of a verification.
SCHEMA = "bmii-verification/1"


def recheck(report: Data, database: Data, storage: Data) -> list[str]:
    """Return a line for each kind of data, and one for each table and bucket that is not as it was proven.

    ``database`` and ``storage`` are the evidence of comparisons made now; empty for one that was not made.
    What differs may be what users wrote since: whether it should is for who reads it.
    """
    return [*_tables(report["database"], database), *_buckets(report["storage"], storage)]


def verification(at: str, by: str, report: Data, database: Data, storage: Data) -> dict[str, Any]:
    """Return what the ledger keeps of a comparison that was made ``at`` a moment ``by`` somebody."""
    tables: Data = database.get("tables") or {}
    other = ("differs", "missing", "extra", "unverifiable")
    same = all(not one.get(kind) for one in storage.values() for kind in other)
    return {
        "schema": SCHEMA,
        "at": at,
        "by": by,
        "equal": bool(database.get("equal", True)) and same,
        "tables": len(tables),
        "rows": sum(one.get("target_rows", one.get("rows")) or 0 for one in tables.values()),
        "objects": sum(one.get("equal") or 0 for one in storage.values()),
        "checksums": {name: _target(one) for name, one in tables.items()},
        "fingerprints": {name: one.get("fingerprint") for name, one in storage.items()},
        "recheck": recheck(report, database, storage),
    }


def _tables(proven: Data | None, now: Data) -> Iterator[str]:
    if not proven or not now.get("tables"):
        return
    before = {one["name"]: one for one in proven["tables"]}
    after: Data = now["tables"]
    same = [name for name in before if name in after and before[name]["checksum"] == _target(after[name])]
    run = proven["run_id"]
    yield f"{len(same)} of {len(before)} tables of the target have the checksum that run {run} proved."
    for name in (name for name in before if name not in same):
        if name not in after:
            yield f"  {name}: not compared now"
        else:
            found = after[name].get("target_rows", after[name].get("rows"))
            yield f"  {name}: {before[name]['target_rows']} rows were proven, {found} are there"


def _target(one: Data) -> Any:
    return one.get("target_checksum", one.get("checksum"))


def _buckets(proven: Data | None, now: Data) -> Iterator[str]:
    if not proven or not now:
        return
    before = {one["name"]: one for one in proven["buckets"]}
    same = [name for name in before if name in now and _is_same(before[name], now[name])]
    yield f"{len(same)} of {len(before)} buckets have the fingerprint that run {proven['run_id']} proved."
    for name in (name for name in before if name not in same):
        found = now.get(name, {}).get("equal", "no")
        yield f"  {name}: {before[name]['equal']} objects were proven, {found} are equal now"


def _is_same(before: Data, now: Data) -> bool:
    return bool(before["fingerprint"]) and before["fingerprint"] == now.get("fingerprint")
