"""What modules document is what they take: `scripts/module-docs` sees each kind of drift."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = (ROOT / "library/ecs_rollback.py").read_text(encoding="utf-8")
# By the name of the copy: what is changed in it alone, to what, and what the check calls that.
DRIFTS = {
    "as_it_is": ("", "", ""),
    "documented_default": (
        '    type: str\n    default: ""',
        '    type: str\n    default: "x"',
        "doc-default-does-not-match-spec",
    ),
    "default": (
        '"to": {"type": "str", "default": ""}',
        '"to": {"type": "str"}',
        "doc-default-does-not-match-spec",
    ),
    # This one is documented in a fragment.
    "shared_default": ('"default": 600', '"default": 900', "doc-default-does-not-match-spec"),
    "not_taken": (
        '"good": {"type": "list", "elements": "str", "default": []},',
        "",
        "nonexistent-parameter-documented",
    ),
    "not_documented": ('"to": {', '"where": {"type": "str"},\n            "to": {', "undocumented-parameter"),
    "another_type": (
        "    type: list\n    elements: str\n    default: []",
        "    type: dict\n    default: []",
        "doc-type-does-not-match-spec",
    ),
    "not_returned": (
        "  - Nothing but the revision changes.",
        "  - RV(nothing) says so.",
        "invalid-documentation-markup",
    ),
}


def test_a_module_that_documents_something_else_is_refused(tmp_path: Path) -> None:
    for name, (text, by, _) in DRIFTS.items():
        assert text in MODULE, name
        copy = MODULE.replace("module: ecs_rollback", f"module: {name}").replace(text, by, 1 if text else 0)
        (tmp_path / f"{name}.py").write_text(copy, encoding="utf-8")

    command = [sys.executable, ROOT / "scripts/module-docs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    found = [line.removeprefix("library/") for line in done.stderr.splitlines()]
    for name, (_, _, code) in DRIFTS.items():
        codes = {line.rpartition(" ")[2] for line in found if line.startswith(f"{name}.py: ")}
        assert (f"({code})" in codes) if code else not codes, (name, codes)
