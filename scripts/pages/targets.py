"""What `make` can do, from the comments in the Makefile."""

import re
from pathlib import Path

from pages.markdown import cell, table

ROOT = Path(__file__).resolve().parents[2]


def listed() -> str:
    """Return a table of all targets."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):.*?## (.*)$", makefile, re.MULTILINE)
    return table(
        ["command", "what it does"], [(f"`make {name}`", cell(reported)) for name, reported in targets]
    )
