"""A line for each package and room of the Python, from the first line of its docstring."""

import ast
from pathlib import Path

from pages.markdown import cell, table

ROOT = Path(__file__).resolve().parents[2]


def _first_line(file: Path) -> str:
    reported = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return cell(reported.partition("\n")[0])


def _rows(top: str) -> list[tuple[str, str]]:
    faces = sorted(ROOT.glob(f"{top}/**/__init__.py"), key=lambda path: path.parent.parts)
    return [(f"`{face.parent.relative_to(ROOT)}`", _first_line(face)) for face in faces]


def listed() -> str:
    """Return one table for engines, their packages and rooms, and one for the rehearsal's."""
    single = [
        (f"`engines/{file.name}`", _first_line(file))
        for file in sorted(ROOT.glob("engines/*.py"))
        if file.name != "__init__.py"
    ]
    head = ["package or room", "what it is"]
    parts = [table(head, [*_rows("engines"), *single]), table(head, _rows("rehearsal"))]
    return "\n".join(parts)
