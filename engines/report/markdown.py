"""A report as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engines.report.model import Table
from engines.report.sections import figures, headline, sections


def markdown(report: Mapping[str, Any]) -> str:
    """Return a report as Markdown."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Migration report{': ' + report['environment'] if report['environment'] else ''}\n"
    yield f"**{_cell(headline(report)[0])}.** {_cell(report['verdict']['url'])}\n"
    yield from (f"- {label}: {value}" for label, value in figures(report))
    yield ""
    for section in sections(report):
        yield f"## {section.title}\n"
        yield from (f"{_cell(words)}\n" for words in section.words)
        for table in section.tables:
            yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    kept = [column for column in range(len(table.head)) if column != table.bar]
    yield "| " + " | ".join(table.head[column] for column in kept) + " |"
    yield "|" + "|".join("---:" if column in table.numbers else "---" for column in kept) + "|"
    for row in table.rows:
        yield "| " + " | ".join(_cell(row[column]) for column in kept) + " |"
    yield ""


def _cell(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    flat = " ".join(str(text).split())
    return "".join(f"\\{one}" if one in "\\|*_`<>[]" else one for one in flat)
