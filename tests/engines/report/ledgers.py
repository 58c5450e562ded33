"""A small ledger: a run that copied, one that had nothing to do, and one that failed."""

from __future__ import annotations

from typing import Any

FIRST, SECOND, THIRD = "20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb", "20260103T000000Z-cccccc"


def table(rows: int, checksum: str, **more: Any) -> dict[str, Any]:
    return {"rows": rows, "checksum": checksum, "equal": True, **more}


def bucket(equal: int, fingerprint: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "http://old/raw",
        "target": "http://new/bmii-raw",
        "mode": "content",
        "equal": equal,
        "differs": 0,
        "missing": 0,
        "extra": 0,
        "unverifiable": 0,
        "bytes": 2048,
        "fingerprint": fingerprint,
        "manifest_sha256": "ab12",
        **more,
    }


def record(run_id: str, outcome: str = "succeeded", **fields: Any) -> dict[str, Any]:
    times = {"started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:07Z"}
    return {"run_id": run_id, "outcome": outcome, **times, "outputs": {}, "evidence": {}, **fields}


def database(run_id: str, *, copied: bool, **tables: dict[str, Any]) -> dict[str, Any]:
    side = {"address": "u@host/db", "version": "15.18"}
    compare = {
        "equal": all(one["equal"] for one in tables.values()),
        "algorithm": "sum of hashes",
        "seconds": 1.5,
        "sequences": 1,
        "objects": {"table": len(tables)},
        "source": side,
        "target": side,
        "source_revision": ["0003"],
        "tables": tables,
        "not_compared": [{"kind": "owner", "name": "postgres", "reason": "belongs to another"}],
    }
    moved = [{"schema": "public", "name": "t", "rows": 5, "bytes": 99}]
    copy = {"changed": copied, "tables": moved if copied else [], "rows": 5, "bytes": 99, "not_copied": []}
    evidence = {"compare": compare, "copy": copy, "applied": ["0004"]}
    return record(run_id, evidence=evidence, outputs={"revision": "0004"})


def storage(run_id: str, *, copied: bool, **buckets: dict[str, Any]) -> dict[str, Any]:
    return record(run_id, evidence={"buckets": buckets, "copy": {"changed": copied, "buckets": {}}})


def run(run_id: str, outcome: str = "succeeded", **phases: dict[str, Any]) -> dict[str, Any]:
    owner = {
        "user": "ada",
        "host": "desk",
        "pid": 7,
        "started": 1,
        "command": "ansible-playbook playbooks/migrate.yml",
    }
    return {**record(run_id, outcome), "owner": owner, "phases": phases}


SMOKE = {
    "tests": 2,
    "passed": 2,
    "skipped": 0,
    "results": [{"name": "<b>healthy</b>", "ok": True, "status": 200}],
}
DEPLOY = record(FIRST, evidence={"answer": "/health answers", "seconds": 3, "smoke": SMOKE, "go_live": {}})
JOURNALS = [
    run(
        FIRST,
        database=database(FIRST, copied=True, **{"public.t": table(5, "11")}),
        storage=storage(FIRST, copied=True, raw=bucket(2, "f1")),
        deploy=DEPLOY,
    ),
    run(
        SECOND,
        database=database(SECOND, copied=False, **{"public.t": table(6, "99")}),
        storage=storage(SECOND, copied=False, raw=bucket(3, "f2")),
    ),
    run(THIRD, "failed", database=record(THIRD, "failed")),
]
STATE = {
    "phases": {"deploy": {"outputs": {"alb_url": "http://target", "verdict": "live"}}},
    "live_since": "2026-01-01T00:01:00Z",
    "proofs": {"database": FIRST, "storage": FIRST, "deploy": FIRST},
}
