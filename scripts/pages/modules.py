"""The modules' options, examples and returned values, as `ansible-doc` reads them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pages.markdown import cell, prose, table, value

ROOT = Path(__file__).resolve().parents[2]


def _documents() -> dict[str, dict[str, Any]]:
    names = sorted(path.stem for path in ROOT.glob("library/*.py"))
    command = ["ansible-doc", "--type", "module", "--json", *names]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _options(options: dict[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """Yield a row per option, and after it those of what it holds."""
    for name, one in sorted(options.items()):
        kind = one.get("type", "str") + (f" of {one['elements']}" if one.get("elements") else "")
        default = "**required**" if one.get("required") else value(one.get("default"))
        choices = ", ".join(f"`{choice}`" for choice in one.get("choices") or [])
        what = cell(prose(one["description"]))
        yield [f"`{prefix}{name}`", kind, default, f"{what} One of {choices}." if choices else what]
        yield from _options(one.get("suboptions") or {}, f"{prefix}{name}.")


def _returned(keys: dict[str, Any], prefix: str = "") -> Iterator[list[str]]:
    for name, one in sorted(keys.items()):
        kind = one.get("type", "") + (f" of {one['elements']}" if one.get("elements") else "")
        yield [f"`{prefix}{name}`", kind, cell(prose(one["description"])), cell(str(one.get("returned", "")))]
        yield from _returned(one.get("contains") or {}, f"{prefix}{name}.")


def _module(name: str, document: dict[str, Any]) -> str:
    doc, returned = document["doc"], document["return"] or {}
    parts = [f"## `{name}`\n", f"**{prose(doc['short_description'])}.**\n"]
    parts += [f"{prose(one)}\n" for one in doc["description"]]
    for attribute in ("check_mode", "diff_mode"):
        if reported := doc.get("attributes", {}).get(attribute):
            parts.append(f"*{attribute.replace('_', ' ').capitalize()}:* {prose(reported['description'])}\n")
    parts.append(table(["option", "type", "default", "what it is"], _options(doc["options"])))
    if returned:
        parts.append(table(["returned", "type", "what it is", "when"], _returned(returned)))
    parts.append(f"```yaml\n{document['examples'].strip()}\n```\n")
    return "\n".join(parts)


def listed() -> str:
    """Return one section per module."""
    return "\n".join(_module(name, document) for name, document in sorted(_documents().items()))
