"""Findings as one message: all of them at once, each by the name of the variable to change."""

from __future__ import annotations

from collections.abc import Sequence

from engines.preflight.errors import PreflightError
from engines.preflight.model import Finding


def refuse(kind: type[PreflightError], headline: str, findings: Sequence[Finding]) -> None:
    """Raise ``kind`` with every finding, one per line, unless there is none."""
    if not findings:
        return
    lines = "".join(f"\n- {one}" for one in findings)
    details = [{"variable": one.variable, "what": one.what, "remedy": one.remedy} for one in findings]
    raise kind(f"{headline} Nothing has been touched.{lines}", details=details)
