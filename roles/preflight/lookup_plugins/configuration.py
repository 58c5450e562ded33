"""A lookup for this role alone: the variables that are set, each evaluated by itself.

A variable that cannot be evaluated is reported as the variable's fault, with all others; in the arguments
of a task it would end the run with the task's name instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from engines.preflight import Settings
from engines.preflight.variables import described, secrets

_EXPRESSION = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
_TEXT = re.compile(r"'[^']*'")
_NAME = re.compile(r"\b[a-z_][a-z0-9_]*\b")
_DEPTH = 8  # more than any chain of variables here, and an end for a circle


class LookupModule(LookupBase):
    """What Ansible looks for."""

    def run(
        self, terms: list[str], variables: dict[str, Any] | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        """Return ``values``, ``unreadable``, ``made_from`` and ``secrets`` by the roles in a folder.

        With ``prerequisites`` as a second term, of the variables that those need alone.
        """
        raw = variables or {}
        values: dict[str, Any] = {}
        unreadable: dict[str, str] = {}
        made_from: dict[str, list[str]] = {}
        descriptions = described(Path(terms[0]))
        wanted = Settings.variables() if "prerequisites" in terms[1:] else frozenset(descriptions)
        for name in descriptions:
            if name not in raw or name not in wanted:
                continue
            made_from |= {part: sorted(found) for part, found in _mentions(name, raw, descriptions)}
            try:
                values[name] = self._templar.template(raw[name])
            except AnsibleError as error:
                unreadable[name] = str(error).splitlines()[0]
        return [
            {
                "values": values,
                "unreadable": unreadable,
                "made_from": made_from,
                "secrets": sorted(secrets(descriptions, values)),
            }
        ]


def _mentions(
    name: str, raw: Mapping[str, Any], descriptions: Mapping[str, Any]
) -> Iterator[tuple[str, set[str]]]:
    """Yield the described variables that ``name``, and each key of it, is made from."""
    value = raw[name]
    yield name, _described(value, raw, descriptions, _DEPTH)
    for key, one in value.items() if isinstance(value, Mapping) else ():
        yield f"{name}.{key}", _described(one, raw, descriptions, _DEPTH)


def _described(value: Any, raw: Mapping[str, Any], descriptions: Mapping[str, Any], depth: int) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*(_described(one, raw, descriptions, depth) for one in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(_described(one, raw, descriptions, depth) for one in value))
    if not isinstance(value, str) or not depth:
        return set()
    expressions = " ".join(_EXPRESSION.findall(value))
    mentioned = set(_NAME.findall(_TEXT.sub("", expressions)))
    found = mentioned & set(descriptions)
    for one in mentioned & set(raw):
        found |= _described(raw[one], raw, descriptions, depth - 1)
    return found
