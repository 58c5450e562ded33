"""What failed, told once: what happened, where, why, what to do, and where more is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.contract import no_room
from engines.display.lines import Line, labelled

_MOST = 15
_NO_ROOM = ("No space left on device", "Disk quota exceeded")
HIDDEN = "what it returned is hidden, since the task handles secrets (no_log)"
_CORRECT = (
    "Correct it where it is set, in the inventory or by -e. ansible-playbook playbooks/preflight.yml names"
    " everything that is wrong at once."
)
_NAMES: Mapping[str, str] = {
    "str": "a text",
    "path": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "NoneType": "empty",
}
_TYPE = re.compile(
    r"(?:argument|Elements value for option) '(?P<name>[^']+)' is of type (?P<has>\w+)"
    r" and we were unable to convert to (?P<wants>\w+): .*",
    re.DOTALL,
)
_CHOICE = re.compile(
    r"value of (?P<name>\w+) must be one (?:or more )?of: (?P<known>.*?)"
    r"(?:, got|\. Got no match for): (?P<given>.*)"
)
_MISSING = re.compile(r"missing required arguments: (?P<name>.*)")


@dataclass
class Failure:
    """One failed task. ``refused``: it declined to act; ``restored``: it put back what was before."""

    phase: str
    task: str
    place: str
    what: str
    remedy: str = ""
    cause: list[str] = field(default_factory=list)
    refused: bool = False
    restored: bool = False

    @classmethod
    def of(cls, phase: str, task: str, place: str, result: Mapping[str, Any]) -> Failure:
        """Read what a module or action returned."""
        if "censored" in result:
            return cls(phase, task, place, HIDDEN)
        if any(sign in str(result.get("module_stderr", "")) for sign in _NO_ROOM):
            # Ansible itself could not unpack the module, and says that its result is no JSON.
            full = no_room()
            return cls(phase, task, place, f"{full.subject}: {full.what}", full.remedy)
        items = [one for one in result.get("results") or () if isinstance(one, Mapping) and one.get("failed")]
        said = items or [result]
        if wrong := "\n".join(dict.fromkeys(filter(None, map(_wrong_arguments, said)))):
            return cls(phase, task, place, wrong, _CORRECT, refused=True)
        remedy = next((str(one["remedy"]) for one in said if one.get("remedy")), "")
        what = "\n".join(dict.fromkeys(_what(one) for one in said[:_MOST]))
        cause = [line for one in said for line in _cause(one)]
        refused = all(one.get("refused") or "assertion" in one for one in said)
        return cls(phase, task, place, what, remedy, cause[:_MOST], refused, any(map(_is_restored, said)))


def _wrong_arguments(result: Mapping[str, Any]) -> str:
    """Return what a result says of arguments of the wrong kind; empty if it is about something else.

    The words are Ansible's, of a value that a phase run alone gets, and preflight would have refused. It is
    not quoted: it may be a secret in the wrong place.
    """
    if given := result.get("argument_errors"):
        return "\n".join(_said(str(one)) or str(one) for one in given)
    return _said(str(result.get("msg") or ""))


def _said(error: str) -> str:
    if found := _TYPE.fullmatch(error):
        has, wants = (_NAMES.get(found[one], found[one]) for one in ("has", "wants"))
        entry = "an entry " if error.startswith("Elements") else ""
        return f"{found['name']}: {entry}is {has}, not {wants}."
    if found := _CHOICE.fullmatch(error):
        known = found["known"].split(", ")
        close = difflib.get_close_matches(found["given"], known, n=1)
        near = f" Did you mean {close[0]}?" if close else ""
        return f"{found['name']}: is none of {', '.join(known)}.{near}"
    if found := _MISSING.fullmatch(error):
        return f"{found['name']}: is not set."
    return ""


def _what(result: Mapping[str, Any]) -> str:
    """Return the message without the remedy, which is told apart."""
    text = str(result.get("msg") or result.get("reason") or "it gave no reason").strip()
    remedy = str(result.get("remedy") or "").strip()
    return text.removesuffix(remedy).strip() if remedy else text


def _cause(result: Mapping[str, Any]) -> Iterable[str]:
    details = result.get("details")
    if isinstance(details, Mapping):
        if isinstance(details.get("table"), list):
            yield from map(str, details["table"])
        if isinstance(why := details.get("explanation"), Mapping):
            yield from (f"{name}: {value}" for name, value in why.items() if value and not _is_deep(value))
    for name in ("stderr", "module_stderr"):
        yield from str(result.get(name) or "").strip().splitlines()[-_MOST:]


def _is_restored(result: Mapping[str, Any]) -> bool:
    details = result.get("details")
    restored = details.get("restored") if isinstance(details, Mapping) else None
    return isinstance(restored, Mapping) and bool(restored.get("verified"))


def _is_deep(value: Any) -> bool:
    return isinstance(value, list | dict) and any(isinstance(each, list | dict) for each in value)


def failure_lines(failure: Failure, width: int, log: str = "") -> list[Line]:
    """Return a failure as lines."""
    where = f"phase {failure.phase}, {failure.place}" if failure.place else f"phase {failure.phase}"
    lines: list[Line] = [(("bad", f"{'Refused' if failure.refused else 'Failed'}: {failure.task}"),)]
    lines += labelled("what", failure.what, width, "bold")
    lines += labelled("where", where, width)
    if failure.cause:
        lines += labelled("cause", "\n".join(failure.cause), width)
    if failure.remedy:
        lines += labelled("remedy", failure.remedy, width)
    if log:
        lines += labelled("log", log, width)
    return lines
