"""Findings as one message: all of them at once, each by the name of the variable to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.preflight.errors import PreflightError
from engines.preflight.model import Finding


def renamed(findings: Sequence[Finding], names: Mapping[str, str]) -> list[Finding]:
    """Return ``findings`` under the names by which an inventory sets the variables.

    ``names`` maps a variable of ours to the inventory's; what follows a dot stays.
    """

    def inventory_name(variable: str) -> str:
        base, dot, rest = variable.partition(".")
        return names.get(base, base) + dot + rest

    return [Finding(inventory_name(one.variable), one.what, one.remedy) for one in findings]


def refuse(kind: type[PreflightError], headline: str, findings: Sequence[Finding]) -> None:
    """Raise ``kind`` with every finding, one per line, unless there is none."""
    if not findings:
        return
    lines = "".join(f"\n- {one}" for one in findings)
    details = [{"variable": one.variable, "what": one.what, "remedy": one.remedy} for one in findings]
    raise kind(f"{headline} Nothing has been touched.{lines}", details=details)
