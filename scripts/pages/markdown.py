"""What all generated parts share: tables and their cells, and Ansible's markup as Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

_CODE = re.compile(r"\b(?:C|V|O|RV|E|P)\(((?:\\.|[^)\\])*)\)")
_BOLD = re.compile(r"\bB\(([^)]*)\)")
_ITALIC = re.compile(r"\bI\(([^)]*)\)")
_LINK = re.compile(r"\bL\(([^,)]*),\s*([^)]*)\)")
_MODULE = re.compile(r"\bM\(([^)]*)\)")


def prose(text: str | Sequence[str]) -> str:
    """Return Ansible's documentation markup as Markdown, paragraphs joined."""
    one = " ".join(text) if not isinstance(text, str) else text
    one = _LINK.sub(r"[\1](\2)", _MODULE.sub(r"`\1`", one))
    one = _CODE.sub(lambda match: f"`{match.group(1)}`", one)
    return _ITALIC.sub(r"*\1*", _BOLD.sub(r"**\1**", one))


def cell(text: str) -> str:
    """Return ``text`` on one line, with nothing in it that ends a cell."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def plain(text: str) -> str:
    """Return ``text``, which is no Markdown, as a cell that shows it as it is."""
    return re.sub(r"([*_<`])", r"\\\1", cell(text))


def value(given: Any) -> str:
    """Return a default as it is written in YAML, short enough for a table."""
    if given is None:
        return ""
    text = str(given).lower() if isinstance(given, bool) else str(given)
    text = cell(text) or '""'
    return f"`{text}`" if len(text) <= 60 else "see the role"  # noqa: PLR2004 - a table's column


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
