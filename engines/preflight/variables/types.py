"""Whether each value has the type that its variable takes, by the argument specification of its role.

Ansible would check that itself, but it stops at the first one, and takes `a,b` in place of a list.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from engines.preflight.model import Finding

Specification = Mapping[str, Mapping[str, Any]]


class _Kind(NamedTuple):
    """What is accepted for a type of Ansible's, what that is called, and how a person writes one."""

    accepts: Callable[[Any], bool]
    name: str
    remedy: str


def _is_text(value: Any) -> bool:
    # A whole number is its digits. One with a point is not what was written: 15.10 has become 15.1.
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().removeprefix("-").isdigit()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) >= 0
    except (TypeError, ValueError):
        return False


def _is_truth(value: Any) -> bool:
    # `yes` in quotes is a text, and CloudFormation knows true and false alone.
    return isinstance(value, bool) or str(value).lower() in {"true", "false"}


# What a compose file may have, and nothing here has: what is wrong, and the remedy.
_NOT_OFFERED: Mapping[str, tuple[str, str]] = {
    "volumes": (
        "is not offered: a task on Fargate keeps no files",
        "Keep files in a bucket. What needs a file system shared by tasks (EFS) is moved by other means.",
    )
}
_TEXT = _Kind(_is_text, "a text", "Write one value, in quotes.")
_KINDS: Mapping[str, _Kind] = {
    "str": _TEXT,
    "path": _TEXT,
    "int": _Kind(_is_whole, "a whole number", "Write digits alone."),
    "float": _Kind(_is_number, "a number", "Write digits, with a point if need be."),
    "bool": _Kind(_is_truth, "true or false", "Write true or false, without quotes."),
    "list": _Kind(lambda value: isinstance(value, list), "a list", "Write one entry a line, after `- `."),
    "dict": _Kind(lambda value: isinstance(value, dict), "a mapping", "Write one `name: value` a line."),
}


def wrong_types(options: dict[str, Any], specification: Specification) -> list[Finding]:
    """Remove from ``options`` what ``specification`` (an argument spec) has no use for; return the findings.

    No value is quoted: any of them may be a secret in the wrong place.
    """
    return list(_known(options, specification, ""))


def _known(options: dict[str, Any], specification: Specification, prefix: str) -> Iterator[Finding]:
    for name, expected in specification.items():
        value = options.get(name)
        found = [] if value is None else list(_value(value, expected, prefix + name))
        if any(not one.variable.startswith(f"{prefix}{name}.") for one in found):
            del options[name]
        yield from found


def _value(value: Any, expected: Mapping[str, Any], variable: str) -> Iterator[Finding]:
    kind = _KINDS[expected["type"]]
    if not kind.accepts(value):
        yield Finding(variable, f"is {_called(value)}, not {kind.name}", kind.remedy)
    elif "elements" in expected:
        yield from _entries(value, expected, variable)
    elif "options" in expected:
        yield from _unknown(value, expected["options"], variable)
        yield from _known(value, expected["options"], f"{variable}.")


def _unknown(options: dict[str, Any], specification: Specification, variable: str) -> Iterator[Finding]:
    for name in sorted(set(options) - set(specification)):
        del options[name]
        known = ", ".join(sorted(specification))
        near = suggestion(name, specification)
        default = ("is not known", f"Correct the name; there are {known}.{near}")
        yield Finding(f"{variable}.{name}", *_NOT_OFFERED.get(name, default))


def suggestion(given: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" if something known is close to what was given."""
    close = difflib.get_close_matches(given, sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _entries(values: list[Any], expected: Mapping[str, Any], variable: str) -> Iterator[Finding]:
    """Yield the first entry that is wrong: it makes the whole list unusable."""
    options = expected.get("options")
    entry = {"type": expected["elements"], **({"options": options} if options else {})}
    for number, value in enumerate(values, start=1):
        found = list(_value(value, entry, ""))
        missing = [] if found else [name for name in _required(options) if not value.get(name)]
        if missing:
            found = [Finding("", f"has no {missing[0]}", "Add it.")]
        if found:
            within = found[0].variable.removeprefix(".")
            what = f"{within} {found[0].what}" if within else found[0].what
            yield Finding(variable, f"entry {number}: {what}", found[0].remedy)
            return


def _required(specification: Specification | None) -> list[str]:
    return [name for name, one in (specification or {}).items() if one.get("required")]


def _called(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return next((kind.name for kind in _KINDS.values() if kind.accepts(value)), "empty")


def converted(value: Any, option: Mapping[str, Any]) -> Any:
    """Return a value that has the type of ``option`` as Ansible converts it: ``"2"`` for a number is 2."""
    if value is None:
        return None
    parts = option.get("options") or {}
    if isinstance(value, dict):
        return {key: converted(one, parts[key]) if key in parts else one for key, one in value.items()}
    if isinstance(value, list):
        entry = {"type": option.get("elements", "raw"), "options": parts}
        return [converted(one, entry) for one in value]
    convert = _CONVERSIONS.get(option["type"])
    return convert(value) if convert else value


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "str": str,
    "path": str,
    "int": int,
    "float": float,
    "bool": lambda value: str(value).lower() == "true",
}
