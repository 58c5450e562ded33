"""A configuration held against the description of its variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.preflight.model import Finding
from engines.preflight.variables.description import Description
from engines.preflight.variables.forms import FORMS
from engines.preflight.variables.shapes import SHAPES
from engines.preflight.variables.types import converted, suggestion, wrong_types


@dataclass(frozen=True)
class Configuration:
    """The variables that are set, evaluated.

    ``unreadable`` has the reason for each variable that could not be evaluated. ``made_from`` names the
    described variables that the expression of a variable, or of a key of it, mentions.
    """

    values: Mapping[str, Any] = field(repr=False)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    made_from: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Configuration:
        """Return the configuration that a module was given."""
        return cls(options["values"], options["unreadable"], options["made_from"])

    def causes(self, findings: Sequence[Finding]) -> list[Finding]:
        """Leave out what may be wrong only because it is made from something that is."""
        wrong = {_base(one.variable) for one in findings}
        return [one for one in findings if not wrong & self._ancestors(one.variable)]

    def _ancestors(self, variable: str) -> set[str]:
        base = _base(variable)
        made_from = self.made_from.get(variable, self.made_from.get(base, ()))
        return set(made_from) - {base}


def find(
    descriptions: Mapping[str, Description], configuration: Configuration
) -> tuple[list[Finding], dict[str, Any]]:
    """Return what is wrong with single variables, and the values that have the type they need."""
    found = [
        Finding(name, f"cannot be evaluated: {why}", "Correct the expression, or set what it mentions.")
        for name, why in configuration.unreadable.items()
    ]
    usable: dict[str, Any] = {}
    for name, value in configuration.values.items():
        description = descriptions[name]
        options = {name: value}
        wrong = list(_null(name, value)) or wrong_types(options, {name: description.option})
        for one in options if value is not None else ():
            usable[one] = converted(options[one], description.option)
        found += wrong or _beyond_type(description, usable[name])
    return found, usable


def missing(descriptions: Mapping[str, Description], configuration: Configuration) -> Iterator[Finding]:
    """Yield what is needed and not set at all. What is only for another target is not needed for this one."""
    target = configuration.values.get("platform_target")
    for name, description in descriptions.items():
        known = name in configuration.values or name in configuration.unreadable
        if known or not description.option.get("required") or description.target not in {"", target}:
            continue
        yield Finding(name, "is not set", f"Set it: {str(description.option['description']).rstrip('.')}.")


def _null(name: str, value: object) -> Iterator[Finding]:
    if value is None:
        yield Finding(name, "is null", "Set a value, or remove the line for the default.")


def _beyond_type(description: Description, value: Any) -> list[Finding]:
    """Return what is wrong with a value of the right type."""
    option, check = description.option, description.check or {}
    if "choices" in option:
        unknown = [
            one for one in (value if isinstance(value, list) else [value]) if one not in option["choices"]
        ]
        near = "".join(suggestion(str(one), map(str, option["choices"])) for one in unknown[:1])
        remedy = f"Set {_either(option['choices'])}.{near}"
        return [Finding(description.name, f"{one!r} is not known", remedy) for one in unknown[:1]]
    if "from" in check:
        return list(_range(description.name, value, check))
    if value == "":
        may_be_empty = option.get("default") == "" or check.get("empty")
        return [] if may_be_empty or "form" not in check else [_empty(description.name, check["form"])]
    if "form" in check:
        return list(_form(description.name, value, check["form"], secret=description.secret))
    if "shape" in check:
        return list(_shape(description.name, value, check["shape"]))
    return list(_parts(description.name, value, check))


def _range(name: str, value: Any, check: Mapping[str, Any]) -> Iterator[Finding]:
    least, most = check["from"], check["to"]
    if not least <= float(value) <= most:
        yield Finding(name, f"{value} is out of range", f"Set {least} to {most}.")


def _empty(name: str, form: str) -> Finding:
    return Finding(name, "is empty", FORMS[form].remedy)


def _form(name: str, value: Any, form: str, *, secret: bool = False) -> Iterator[Finding]:
    wanted = FORMS[form]
    if not wanted.accepts(str(value)):
        shown = "its value" if secret else repr(value)
        yield Finding(name, f"{shown} is not {wanted.name}", wanted.remedy)


def _shape(name: str, value: Any, shape: str) -> Iterator[Finding]:
    for key, what, remedy in SHAPES[shape](value):
        yield Finding(f"{name}.{key}" if key else name, what, remedy)


def _parts(name: str, value: Any, check: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the entries of a list, or the keys and values of a mapping."""
    if not isinstance(value, list | dict):
        return
    if "most" in check and len(value) > check["most"]:
        yield Finding(name, f"has {len(value)} entries", f"Keep {check['most']} at most.")
    for key in value if "keys" in check else ():
        yield from _form(name, key, check["keys"])
    entries = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for key, one in entries if "each" in check else ():
        label = f"{name}.{key}" if isinstance(value, dict) else name
        if isinstance(one, list | dict) or (one is None and not check.get("null")):
            yield Finding(label, "is not a single value", "Write one value, in quotes.")
        elif one is not None and check["each"] != "any":
            yield from _form(label, one, check["each"])


def _either(choices: Sequence[object]) -> str:
    *others, last = map(str, choices)
    return f"{', '.join(others)} or {last}" if others else last


def _base(variable: str) -> str:
    return variable.partition(".")[0]
