"""Reads the ledger and writes the report's files."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.errors import EngineError
from engines.ledger import Document, Store, stamp
from engines.report.collect import collect
from engines.report.markdown import markdown
from engines.report.pack import pack
from engines.report.page import html
from engines.report.recheck import verification
from engines.runs import Owner

_STATE, _RUNS, _VERIFIED = "state.json", "runs/", "verifications/"
# So many of the latest runs are listed; those whose evidence counts are read whenever they were.
_LISTED = 50


def write(
    store: Store,
    folder: Path,
    environment: str,
    *,
    archive: Path | None = None,
    compared: Mapping[str, Any] | None = None,
    check: bool,
) -> dict[str, Any]:
    """Write the report as HTML, Markdown and JSON into ``folder``, and the evidence to ``archive``.

    What was ``compared`` just now is added to the ledger, beside what was proven before. Files that are as
    they should be stay untouched. With ``check`` nothing is written.
    """
    state = store.read(_STATE).body
    journals, verifications = _journals(store, state), _verifications(store)
    report = collect(state, journals, environment, verifications=verifications)
    said: list[str] = []
    if compared and state:
        now = _verified(report, compared)
        said = [*now["recheck"]] if check else [*now["recheck"], *_keep(store, now)]
        if not check:
            report = collect(state, journals, environment, verifications=[*verifications, now])
    texts = {
        "report.html": html(report),
        "report.md": markdown(report),
        "report.json": json.dumps(report, indent=2) + "\n",
    }
    changed = False
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        changed = True
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    found = {
        "changed": changed,
        "page": str(folder / "report.html"),
        "report": report,
        "recheck": said,
        "archive": "",
        "sha256": "",
    }
    if archive is not None and not check:
        documents = {key: store.content(key) for key in store.keys("")}
        documents |= {name: text.encode() for name, text in texts.items()}
        found |= {"archive": str(archive), "sha256": pack(documents, archive)}
    return found


def _verifications(store: Store) -> list[dict[str, Any]]:
    return [store.read(key).body for key in sorted(store.keys(_VERIFIED))[-_LISTED:]]


def _verified(report: Mapping[str, Any], compared: Mapping[str, Any]) -> dict[str, Any]:
    at, by = stamp(time.time()), Owner.of_this_run().name
    return verification(at, by, report, compared.get("database") or {}, compared.get("storage") or {})


def _keep(store: Store, now: Mapping[str, Any]) -> list[str]:
    """Add a verification to the ledger; who may only read it verifies all the same, and is told."""
    try:
        store.write(f"{_VERIFIED}{now['at']}-{secrets.token_hex(3)}.json", dict(now), replacing=Document({}))
    except EngineError as error:
        return [f"The ledger does not keep this verification: {error}"]
    return []


def _journals(store: Store, state: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = set(sorted(store.keys(_RUNS))[-_LISTED:])
    keys |= {f"{_RUNS}{run_id}.json" for run_id in (state.get("proofs") or {}).values()}
    return [store.read(key).body for key in sorted(keys)]
