"""The variables of all roles, from their argument specifications."""

from pathlib import Path
from typing import Any

import yaml

from pages.markdown import cell, prose, table, value

ROOT = Path(__file__).resolve().parents[2]


def _options(role: Path) -> dict[str, dict[str, Any]]:
    """Return what any entry point of a role takes."""
    found: dict[str, dict[str, Any]] = {}
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    for entry in spec["argument_specs"].values():
        found |= entry.get("options", {})
    return found


def _row(name: str, option: dict[str, Any]) -> list[str]:
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    default = "**required**" if option.get("required") else value(option.get("default"))
    choices = ", ".join(f"`{one}`" for one in option.get("choices", []))
    what = cell(prose(option["description"]))
    return [f"`{name}`", kind, default, f"{what} One of {choices}." if choices else what]


def listed() -> str:
    """Return one table per role."""
    parts = []
    for role in sorted(ROOT.glob("roles/*")):
        rows = [_row(name, option) for name, option in sorted(_options(role).items())]
        parts += [
            f"### `{role.name}`\n",
            f"Explained one by one in [the role's README](../../roles/{role.name}/README.md).\n",
            table(["variable", "type", "default", "what it is"], rows),
        ]
    return "\n".join(parts)
