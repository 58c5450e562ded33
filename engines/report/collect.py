"""From the ledger's documents to the data of a report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engines.report import findings

# The version of what ``collect`` returns, which is the report's JSON.
SCHEMA = "bmii-report/1"
_PHASES = ("provision", "database", "storage", "container", "deploy")
_KINDS = ("equal", "differs", "missing", "extra", "unverifiable")

Body = Mapping[str, Any]


def collect(
    state: Body, journals: Sequence[Body], environment: str = "", *, verifications: Sequence[Body] = ()
) -> dict[str, Any]:
    """Return the report of an environment; ``journals`` are those of all runs, in any order.

    ``verifications`` are what `verify.yml` has found since, in their order.

    Of each phase the evidence of the run that ``proofs`` of the state names is reported: a later one which
    had nothing to do proves less.
    """
    runs = sorted(journals, key=lambda one: str(one.get("run_id", "")))
    proofs = {phase: found for phase in _PHASES if (found := _proof(phase, state, runs))}
    outputs = {
        name: value
        for record in state.get("phases", {}).values()
        for name, value in (record.get("outputs") or {}).items()
    }
    database, storage = _database(proofs.get("database")), _storage(proofs.get("storage"))
    release = _release(proofs.get("deploy"), outputs)
    report = {
        "schema": SCHEMA,
        "environment": environment,
        "verdict": _verdict(state, outputs, runs),
        "plan": findings.against_plan(database, storage, release),
        "timeline": [_timed(phase, record) for phase, record in proofs.items()],
        "database": database,
        "storage": storage,
        "image": _image(proofs.get("container")),
        "release": release,
        "stack": _stack(proofs.get("provision")),
        "not_copied": _not_copied(proofs),
        "costs": findings.costs(state, storage),
        "verifications": list(verifications),
        "runs": [_run(one) for one in runs],
        "commands": {
            "verify again": "ansible-playbook playbooks/verify.yml",
            "state": "ansible-playbook playbooks/status.yml",
            "go back": "ansible-playbook playbooks/rollback.yml --check --diff",
            "evidence for an auditor": "make evidence",
        },
    }
    return {**report, "warnings": findings.warnings(report, state)}


def _evidence(record: Body | None) -> Body:
    return (record or {}).get("evidence") or {}


def _proof(phase: str, state: Body, runs: Sequence[Body]) -> Body | None:
    """Return the record of a phase by the run whose evidence counts, or by the first that succeeded."""
    named = (state.get("proofs") or {}).get(phase)
    found = [
        record
        for run in runs
        if (record := (run.get("phases") or {}).get(phase)) and record.get("outcome") == "succeeded"
    ]
    return next((record for record in found if record.get("run_id") == named), found[0] if found else None)


def _seconds(record: Body) -> float | None:
    began, ended = str(record.get("started") or ""), str(record.get("ended") or "")
    if not began or not ended:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _timed(phase: str, record: Body) -> dict[str, Any]:
    names = ("started", "ended", "outcome", "run_id")
    return {"phase": phase, "seconds": _seconds(record), **{name: record.get(name, "") for name in names}}


def _run(run: Body) -> dict[str, Any]:
    owner = run.get("owner") or {}
    names = ("run_id", "outcome", "started", "ended")
    return {
        **{name: run.get(name, "") for name in names},
        "seconds": _seconds(run),
        "owner": f"{owner.get('user', '')}@{owner.get('host', '')}",
        "command": owner.get("command", ""),
        "phases": {name: one.get("outcome", "") for name, one in (run.get("phases") or {}).items()},
    }


def _verdict(state: Body, outputs: Body, runs: Sequence[Body]) -> dict[str, Any]:
    """Return the state now, and how the last run ended."""
    last = runs[-1] if runs else {}
    live = str(state.get("live_since") or "")
    word = "migrated" if live else "not live yet"
    return {
        "word": word,
        "live_since": live,
        "detail": outputs.get("verdict", "") if live else "",
        "url": outputs.get("alb_url", ""),
        "last_run": last.get("run_id", ""),
        "last_outcome": last.get("outcome", ""),
    }


def _database(record: Body | None) -> dict[str, Any] | None:
    evidence = _evidence(record)
    compare = evidence.get("compare") or {}
    if not record or not compare:
        return None
    copied = {
        f"{one['schema']}.{one['name']}": one for one in (evidence.get("copy") or {}).get("tables") or ()
    }
    return {
        "run_id": record.get("run_id", ""),
        **{name: compare.get(name) for name in ("equal", "algorithm", "started", "seconds", "sequences")},
        "source": compare.get("source") or {},
        "target": compare.get("target") or {},
        "source_revision": compare.get("source_revision") or [],
        "revision": (record.get("outputs") or {}).get("revision", ""),
        "applied": evidence.get("applied") or [],
        "objects": sum((compare.get("objects") or {}).values()),
        "large_objects": compare.get("large_objects"),
        "differences": compare.get("differences") or [],
        "copy": {name: value for name, value in (evidence.get("copy") or {}).items() if name != "tables"},
        "tables": [
            {
                "name": name,
                "rows": one.get("rows"),
                "checksum": one.get("checksum"),
                "equal": one.get("equal"),
                "bytes": copied.get(name, {}).get("bytes"),
                "target_rows": one.get("target_rows", one.get("rows")),
                "target_checksum": one.get("target_checksum", one.get("checksum")),
            }
            for name, one in (compare.get("tables") or {}).items()
        ],
    }


def _storage(record: Body | None) -> dict[str, Any] | None:
    evidence = _evidence(record)
    if not record or not evidence.get("buckets"):
        return None
    copied = (evidence.get("copy") or {}).get("buckets") or {}
    names = ("source", "target", "mode", "bytes", "fingerprint", "manifest_sha256", *_KINDS)
    return {
        "run_id": record.get("run_id", ""),
        "buckets": [
            {"name": name, **{each: one.get(each) for each in names}, "copied": copied.get(name, {})}
            for name, one in evidence["buckets"].items()
        ],
    }


def _image(record: Body | None) -> dict[str, Any] | None:
    evidence = _evidence(record)
    names = ("image", "source_digest", "builder", "platform", "bytes")
    return {name: evidence.get(name) for name in names} if evidence else None


def _release(record: Body | None, outputs: Body) -> dict[str, Any] | None:
    evidence = _evidence(record)
    if not evidence:
        return None
    return {
        "answer": evidence.get("answer", ""),
        "seconds": evidence.get("seconds"),
        "task_definition": outputs.get("task_definition_arn", ""),
        "smoke": evidence.get("smoke") or {},
        "go_live": evidence.get("go_live") or {},
    }


def _stack(record: Body | None) -> dict[str, Any] | None:
    return dict(_evidence(record).get("stack") or {}) or None


def _not_copied(proofs: Body) -> list[dict[str, str]]:
    """Return what the target did not get or was not compared, each with its reason."""
    database, storage = _evidence(proofs.get("database")), _evidence(proofs.get("storage"))
    compared = (database.get("compare") or {}).get("not_compared") or []
    left_out = (database.get("copy") or {}).get("not_copied") or []
    objects = (storage.get("copy") or {}).get("not_copied") or []
    found = [*(("not compared", one) for one in compared), *(("not copied", one) for one in left_out)]
    rows = [
        {
            "how": how,
            "what": f"{one.get('kind', '')} {one.get('name', '')}".strip(),
            "why": one.get("reason", ""),
        }
        for how, one in found
    ]
    said = [
        {"how": "not copied", "what": str(one.get("what", "")), "why": str(one.get("objects", ""))}
        for one in objects
    ]
    accepted = (_evidence(proofs.get("deploy")).get("go_live") or {}).get("accepted") or []
    return rows + said + [{"how": "accepted", "what": str(one), "why": "by the operator"} for one in accepted]
