"""A report as one HTML file: nothing is loaded, it is readable in light and dark, and prints well. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from engines.report.model import Section, Table
from engines.report.sections import figures, headline, sections

# No request leaves the page, whatever stands in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #57606a; --line: #d0d7de;
  --good: #116329; --bad: #a40e26; --bar: #0969da; --head: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b1;
  --line: #30363d;
  --good: #56d364; --bad: #ff7b72; --bar: #58a6ff; --head: #161b22; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; } .soft { color: var(--soft); }
.verdict { border-left: 6px solid var(--bad); padding: .6rem 1rem; margin: 1rem 0; background: var(--head); }
.verdict.good { border-color: var(--good); } .verdict strong { font-size: 1.1rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; min-width: 9rem; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; max-width: calc(100vw - 2.5rem); }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word; }
thead th, thead td { background: var(--head); white-space: nowrap; } tbody th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bars { width: 7rem; } .bars svg { display: block; width: 7rem; height: .8rem; margin-top: .3rem; }
rect { fill: var(--bar); } .ok { color: var(--good); } .no { color: var(--bad); font-weight: 700; }
@media (max-width: 40rem) { main { padding: 1rem 1.25rem 2rem; } th, td { padding: .3rem .4rem; }
  thead th { white-space: normal; } .bars { display: none; }
  tbody th { overflow-wrap: anywhere; min-width: 9.5rem; max-width: 11rem; } }
@media print { caption { max-width: none; } @page { margin: 14mm; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } .wide { overflow: visible; }
  h2 { font-size: 12pt; margin-top: 1.5rem; break-after: avoid; } section { break-inside: avoid; }
  table { font-size: 8pt; } th, td { padding: .2rem .4rem; }
  tbody th { overflow-wrap: anywhere; min-width: 7rem; } .bars, .bars svg { width: 3rem; }
  dl { gap: .4rem; } dl div { padding: .3rem .7rem; min-width: 0; } dd { font-size: 1.1rem; }
  tr { break-inside: avoid; } thead { display: table-header-group; } }
"""
_GOOD, _BAD = {"equal", "ok", "succeeded"}, {"DIFFERS", "FAILED", "failed", "interrupted"}


def html(report: Mapping[str, Any]) -> str:
    """Return a report as a page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    title = f"Migration report{': ' + report['environment'] if report['environment'] else ''}"
    sentence, good = headline(report)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # An icon of its own, or a browser would ask for one.
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>"
    yield f"<h1>{escape(title)}</h1>"
    yield f'<div class="verdict{" good" if good else ""}"><strong>{escape(sentence)}</strong>'
    yield f'<p class="soft">{escape(str(report["verdict"]["url"]))}</p></div>'
    found = figures(report)
    if found:
        yield "<dl>"
        yield from (f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in found)
        yield "</dl>"
    for section in sections(report):
        yield from _section(section)
    verdict = report["verdict"]
    last, schema = escape(str(verdict["last_run"])), escape(report["schema"])
    yield f'<p class="soft">From the ledger after run {last}; {schema}.</p>'
    yield "</main>\n</body>\n</html>"


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(section.title)}</h2>"
    yield from (f"<p>{escape(words)}</p>" for words in section.words)
    for table in section.tables:
        yield from _table(table)
    yield "</section>"


def _table(table: Table) -> Iterator[str]:
    label = escape(table.caption, quote=True)
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{label}">\n<table>'
    yield f"<caption>{escape(table.caption)}</caption>\n<thead><tr>"
    yield from (_head(table, column, name) for column, name in enumerate(table.head))
    yield "</tr></thead>\n<tbody>"
    most = max(table.weights, default=0) or 1
    for number, row in enumerate(table.rows):
        cells = [_cell(table, column, text) for column, text in enumerate(row)]
        if table.bar >= 0:
            cells[table.bar] = _bar(table.weights[number] / most)
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody>\n</table>\n</div>"


def _head(table: Table, column: int, name: str) -> str:
    # A column of bars repeats a number of the row, so that nothing is lost where it is not seen.
    if column == table.bar:
        return '<td class="bars"></td>'
    number = ' class="number"' if column in table.numbers else ""
    return f'<th scope="col"{number}>{escape(name)}</th>' if name else "<td></td>"


def _cell(table: Table, column: int, text: str) -> str:
    if column == 0:
        return f'<th scope="row">{escape(text)}</th>'
    kind = "number" if column in table.numbers else "ok" if text in _GOOD else "no" if text in _BAD else ""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _bar(share: float) -> str:
    width = max(0.5, 100 * share) if share else 0
    shape = (
        f'<svg aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none"><rect width="{width:.1f}"'
    )
    return f'<td class="bars">{shape} height="10"/></svg></td>'
