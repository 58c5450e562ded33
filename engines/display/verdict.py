"""How a run ended, in a word, with what was moved and proven, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.display.lines import WIDEST, Line, Style, count, joined, labelled, seconds, several, size
from engines.display.model import Screen

_VERIFY = "ansible-playbook playbooks/verify.yml"
_STARTS = {"stack_up", "stack_down", "unfence"}


@dataclass
class Verdict:
    """The ``word``, its style, and rows of a label and a text."""

    word: str
    style: Style
    rows: list[tuple[str, str]] = field(default_factory=list)


def verdict(screen: Screen) -> Verdict | None:
    """Return how the run ended; None for one that only reports and has succeeded."""
    if not screen.ended:
        return _reported(screen, "INTERRUPTED", "warn", _again(screen))
    if screen.failures or screen.totals.get("failures") or screen.totals.get("unreachable"):
        return _failed(screen)
    if screen.only_reports:
        return None
    if screen.check:
        word = "PLANNED: nothing to do" if not _changed(screen) else "PLANNED: nothing was changed"
        return _reported(screen, word, "good", screen.command.replace(" --check", "").replace(" --diff", ""))
    return _succeeded(screen)


def _succeeded(screen: Screen) -> Verdict:
    if screen.playbook == "verify":
        equal = _is_equal(screen)
        word = "VERIFIED: source and target are equal" if equal else "DIFFERENT: see the lines above"
        return _reported(screen, word, "good" if equal else "warn", "")
    if screen.playbook == "rollback":
        return _reported(screen, "ROLLED BACK", "good", "ansible-playbook playbooks/status.yml")
    if not _changed(screen):
        return _reported(screen, "NOTHING TO DO", "good", _VERIFY if screen.playbook == "migrate" else "")
    if screen.playbook == "migrate":
        return _reported(screen, "MIGRATED", "good", _VERIFY)
    return _reported(screen, "DONE", "good", "" if screen.playbook in _STARTS else _VERIFY)


def _failed(screen: Screen) -> Verdict:
    refused = all(one.refused for one in screen.failures) and not _changed(screen)
    back = any(one.restored for one in screen.failures)
    word = "REFUSED: nothing was changed" if refused else "FAILED"
    if back:
        word = "FAILED, AND ROLLED BACK"
    return _reported(screen, word, "bad", f"correct what is named above, then: {screen.command}")


def _again(screen: Screen) -> str:
    return f"{screen.command} (it goes on where this run was cut off)"


def _reported(screen: Screen, word: str, style: Style, then: str) -> Verdict:
    facts = screen.facts.get("ledger", {})
    rows = [
        ("moved", "" if screen.check else _moved(screen)),
        ("proven", _proven(screen)),
        ("serves", _serves(screen)),
        (
            "answers",
            str(facts.get("url", "")) if screen.playbook in {"migrate", "deploy", "rollback"} else "",
        ),
        ("domain", str(facts.get("domain", "")) if screen.playbook in {"migrate", "deploy"} else ""),
        ("took", seconds(screen.ended - screen.began) if screen.ended else ""),
        ("report", str(screen.facts.get("migration_report", {}).get("path", ""))),
        ("next", then),
    ]
    return Verdict(word, style, [(label, text) for label, text in rows if text])


def _changed(screen: Screen) -> int:
    return sum(phase.changed for phase in screen.phases)


def _is_equal(screen: Screen) -> bool:
    rows, objects = screen.facts.get("pg_compare"), screen.facts.get("s3_compare")
    return bool((rows is None or rows["equal"]) and (objects is None or not objects["other"]))


def _moved(screen: Screen) -> str:
    rows, objects = screen.facts.get("pg_clone", {}), screen.facts.get("s3_mirror", {})
    image, schema = screen.facts.get("oci_image", {}), screen.facts.get("alembic_upgrade", {})
    return joined(
        [
            f"{several(rows['rows'], 'row')} ({size(rows['bytes'])}) of {several(rows['tables'], 'table')}"
            if rows.get("changed")
            else "",
            f"{several(objects['objects'], 'object')} ({size(objects['bytes'])})"
            if objects.get("changed")
            else "",
            f"image {image['digest'][:19]}" if image.get("changed") and image.get("digest") else "",
            several(schema["applied"], "schema revision") if schema.get("applied") else "",
        ]
    )


def _proven(screen: Screen) -> str:
    """Return what was compared with the source, and by what."""
    rows, objects = screen.facts.get("pg_compare"), screen.facts.get("s3_compare")
    smoke = screen.facts.get("smoke_test", {})
    said = []
    if rows:
        of = "" if rows["tables"] == rows["tables_equal"] else f"{rows['tables_equal']} of "
        said.append(
            f"{count(rows['rows'])} rows: {of}{several(rows['tables'], 'table')} equal by count and checksum"
        )
    if objects:
        by = "SHA-256" if objects["mode"] == "content" else objects["mode"] or "manifest"
        said.append(f"{several(objects['equal'], 'object')} equal by {by}")
    if smoke.get("tests"):
        same = f", {smoke['answers']} of them the source's answers" if smoke.get("answers") else ""
        said.append(f"{smoke['passed']} requests answered as expected{same}")
    return "; ".join(said)


def _serves(screen: Screen) -> str:
    facts = screen.facts.get("ledger", {})
    if screen.playbook not in {"migrate", "deploy"} or not facts.get("live_since"):
        return ""
    return f"{facts.get('verdict') or 'live'}, since {facts['live_since']}"


def verdict_lines(found: Verdict, width: int) -> list[Line]:
    """Return a verdict as lines, for where no box can be drawn."""
    rule = "=" * min(width, WIDEST)
    lines: list[Line] = [(("dim", rule),), ((found.style, found.word),)]
    for label, text in found.rows:
        lines += labelled(label, text, width)
    return [*lines, (("dim", rule),)]
