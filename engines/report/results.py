"""Reads the ledger and writes the report's files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.ledger import Store
from engines.report.collect import collect
from engines.report.markdown import markdown
from engines.report.pack import pack
from engines.report.page import html

_STATE, _RUNS = "state.json", "runs/"
# So many of the latest runs are listed; those whose evidence counts are read whenever they were.
_LISTED = 50


def write(
    store: Store, folder: Path, environment: str, *, archive: Path | None = None, check: bool
) -> dict[str, Any]:
    """Write the report as HTML, Markdown and JSON into ``folder``, and the evidence to ``archive``.

    Files that are as they should be stay untouched. With ``check`` nothing is written.
    """
    state = store.read(_STATE).body
    report = collect(state, _journals(store, state), environment)
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
        "archive": "",
        "sha256": "",
    }
    if archive is not None and not check:
        documents = {key: store.content(key) for key in store.keys("")}
        documents |= {name: text.encode() for name, text in texts.items()}
        found |= {"archive": str(archive), "sha256": pack(documents, archive)}
    return found


def _journals(store: Store, state: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = set(sorted(store.keys(_RUNS))[-_LISTED:])
    keys |= {f"{_RUNS}{run_id}.json" for run_id in (state.get("proofs") or {}).values()}
    return [store.read(key).body for key in sorted(keys)]
