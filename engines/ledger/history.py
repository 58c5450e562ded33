"""What earlier runs left behind that one can go back to, read from their journals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engines.errors import ConfigurationError
from engines.ledger.model import SUCCEEDED

Journal = Mapping[str, Any]


def revisions(journals: Sequence[Journal]) -> list[str]:
    """Return the ARNs of the task definitions that have served users, the latest first, each once."""
    return list(
        dict.fromkeys(
            str(arn)
            for _, record in _ended_well(journals, ("deploy", "rollback"))
            if (arn := _found(record, "task_definition_arn"))
        )
    )


def workers(journals: Sequence[Journal]) -> dict[str, dict[str, str]]:
    """Return, for each of these revisions, those of the workers that were released with it last."""
    found: dict[str, dict[str, str]] = {}
    for _, record in _ended_well(journals, ("deploy", "rollback")):
        if arn := _found(record, "task_definition_arn"):
            found.setdefault(str(arn), dict((record.get("evidence") or {}).get("workers") or {}))
    return found


def template(journals: Sequence[Journal], to: str) -> dict[str, str]:
    """Return the applied template to go back to: ``sha256``, ``key`` in the state bucket, ``run_id``.

    ``to`` is its digest, or the beginning of it; empty means the one before the latest. Raises
    ``ConfigurationError`` when there is none, or when the beginning fits several.
    """
    applied: dict[str, dict[str, str]] = {}
    for run_id, record in _ended_well(journals, ("provision", "rollback")):
        archive = (record.get("evidence") or {}).get("archive") or {}
        if archive:
            applied.setdefault(archive["sha256"], {**archive, "run_id": run_id})
    fitting = [each for digest, each in applied.items() if to and digest.startswith(to)]
    if not to:
        fitting = list(applied.values())[1:2]
    if len(fitting) != 1:
        known = ", ".join(digest[:12] for digest in applied) or "none"
        raise ConfigurationError(
            "fits several applied templates" if fitting else "there is no such applied template",
            subject=f"rollback_to {to or '(the one before the latest)'}",
            remedy=f"Known, the latest first: {known}. They are read from the latest runs of the ledger.",
        )
    return fitting[0]


def _ended_well(
    journals: Sequence[Journal], phases: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield run id and record of these phases where they succeeded, the latest first."""
    records = [
        (str(record.get("ended", "")), str(journal.get("run_id", "")), record)
        for journal in journals
        for name, record in (journal.get("phases") or {}).items()
        if name in phases and record.get("outcome") == SUCCEEDED
    ]
    for _, run_id, record in sorted(records, key=lambda each: each[:2], reverse=True):
        yield run_id, record


def _found(record: Mapping[str, Any], name: str) -> object:
    return next(
        (record[part][name] for part in ("outputs", "evidence") if name in (record.get(part) or {})), None
    )
