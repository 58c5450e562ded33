"""The list of decisions, from their headings."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/decisions"


def listed() -> str:
    """Return one line per decision."""
    pages = sorted(FOLDER.glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    lines = [f"- [{title}]({page.name})" for page, title in zip(pages, titles, strict=True)]
    return "\n".join([*lines, ""])
