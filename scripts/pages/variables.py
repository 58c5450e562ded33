"""The variables of the platform and of all roles, from their descriptions."""

from pathlib import Path
from typing import Any

from engines.preflight import variables
from pages.markdown import cell, plain, prose, table, value

ROOT = Path(__file__).resolve().parents[2]


def _form(name: str) -> str:
    return "anything" if name == "any" else variables.FORMS[name].name


def _check(option: dict[str, Any], check: dict[str, Any]) -> str:
    """Return what a value must be, in a few words."""
    if "choices" in option:
        return ", ".join(f"`{one}`" for one in option["choices"])
    said = []
    if "from" in check:
        said.append(f"{check['from']} to {check['to']}")
    if "form" in check:
        said.append(_form(check["form"]))
    if "keys" in check:
        said.append(f"each key {_form(check['keys'])}")
    if "each" in check and check["each"] != "any":
        said.append(f"each {'value' if 'keys' in check else 'entry'} {_form(check['each'])}")
    if "most" in check:
        said.append(f"{check['most']} at most")
    if "shape" in check:
        said.append("its parts are checked")
    if "by" in check:
        said.append("checked together with others")
    return plain("; ".join(said) or check.get("any", ""))


def _row(described: variables.Description) -> list[str]:
    option = dict(described.option)
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    default = "**required**" if option.get("required") else value(option.get("default"))
    what = cell(prose(option["description"])) + (" Secret." if described.secret else "")
    return [f"`{described.name}`", kind, default, _check(option, dict(described.check or {})), what]


def listed() -> str:
    """Return one table for the platform, and one per role."""
    described = variables.described(ROOT / "roles")
    head = ["variable", "type", "default", "a value is", "what it is"]
    roles = sorted(path.name for path in ROOT.glob("roles/*"))
    own = tuple(f"{role}_" for role in roles)
    platform = [one for name, one in sorted(described.items()) if not name.startswith(own)]
    parts = [
        "## The platform's variables\n",
        table([*head, "read by"], [[*_row(one), ", ".join(one.read_by)] for one in platform]),
    ]
    parts.append("## The roles' variables\n")
    for role in roles:
        rows = [_row(one) for name, one in sorted(described.items()) if name.startswith(f"{role}_")]
        parts += [
            f"### `{role}`\n",
            f"Explained one by one in [the role's README](../../roles/{role}/README.md).\n",
            table(head, rows),
        ]
    return "\n".join(parts)
