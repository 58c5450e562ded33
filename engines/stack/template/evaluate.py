"""A template as it takes effect: conditions decided and parameters put in, so that two can be compared.

What only AWS knows (the id of a resource, the account) stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_ATTRIBUTES = ("DeletionPolicy", "UpdateReplacePolicy", "Metadata", "UpdatePolicy", "CreationPolicy")
_ABSENT = object()  # what AWS::NoValue stands for


@dataclass(frozen=True)
class Resource:
    """One resource that a template makes, with its properties resolved as far as they are known."""

    type: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]

    def refers_to(self, name: str, others: frozenset[str]) -> bool:
        """Whether the property ``name`` takes its value from one of the resources ``others``."""
        return any(one in others for one in references(self.properties.get(name)))


def parameters(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Return each parameter of ``template`` as AWS keeps it: as text, the default where none is given."""
    declared = template.get("Parameters", {})
    defaults = {name: one["Default"] for name, one in declared.items() if "Default" in one}
    return {name: str(value) for name, value in {**defaults, **given}.items() if name in declared}


def resources(
    template: Mapping[str, Any], given: Mapping[str, Any], known: Mapping[str, str]
) -> dict[str, Resource]:
    """Return the resources that ``template`` makes, by name, with the parameters ``given``.

    ``known`` are the pseudo parameters that are known beforehand, such as ``AWS::Region``.
    """
    evaluator = _Evaluator(template, {**known, **parameters(template, given)})
    found = {}
    for name, body in template.get("Resources", {}).items():
        if "Condition" in body and not evaluator.condition(body["Condition"]):
            continue
        attributes = {key: evaluator.value(body[key]) for key in _ATTRIBUTES if key in body}
        found[name] = Resource(body["Type"], evaluator.value(body.get("Properties", {})), attributes)
    return found


def references(value: Any) -> Iterator[str]:
    """Yield the names of the resources that a resolved value takes something from."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref":
                yield str(inner)
            elif key == "Fn::GetAtt":
                yield str(inner).split(".")[0] if isinstance(inner, str) else str(inner[0])
            elif key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                yield from (name.split(".")[0] for name in _VARIABLE.findall(text))
                yield from () if isinstance(inner, str) else references(inner[1])
            else:
                yield from references(inner)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from references(one)


class _Evaluator:
    """Resolves one template with one set of parameters."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, str]) -> None:
        self._template = template
        self._values = values
        self.condition = cache(self._condition)

    def _condition(self, name: str) -> bool:
        return bool(self._truth(self._template.get("Conditions", {})[name]))

    def _truth(self, node: Any) -> Any:
        """Decide a condition's expression; anything else is a value to compare."""
        if not isinstance(node, Mapping) or len(node) != 1:
            return self.value(node)
        [(function, inner)] = node.items()
        if function == "Condition":
            return self.condition(inner)
        if function == "Fn::Equals":
            return self.value(inner[0]) == self.value(inner[1])
        if function == "Fn::Not":
            return not self._truth(inner[0])
        if function in {"Fn::And", "Fn::Or"}:
            return (all if function == "Fn::And" else any)(self._truth(one) for one in inner)
        return self.value(node)

    def value(self, node: Any) -> Any:
        """Resolve a value; a list or mapping loses what AWS::NoValue stands for."""
        if isinstance(node, Mapping):
            if len(node) == 1:
                [(function, inner)] = node.items()
                if function == "Ref" or function.startswith("Fn::"):
                    return self._function(function, inner)
            pairs = ((key, self.value(inner)) for key, inner in node.items())
            return {key: inner for key, inner in pairs if inner is not _ABSENT}
        if isinstance(node, list | tuple):
            return [one for one in map(self.value, node) if one is not _ABSENT]
        return _text(node)

    def _function(self, function: str, inner: Any) -> Any:
        if function == "Ref":
            return _ABSENT if inner == "AWS::NoValue" else self._values.get(inner, {"Ref": inner})
        if function == "Fn::If":
            return self.value(inner[1] if self.condition(inner[0]) else inner[2])
        if function == "Fn::Sub":
            return self._substituted(inner)
        if function == "Fn::GetAtt":
            return {function: inner.split(".", 1) if isinstance(inner, str) else list(inner)}
        resolved = self.value(inner)
        if function == "Fn::FindInMap":
            return self._mapped(resolved)
        return _computed(function, resolved)

    def _substituted(self, inner: Any) -> Any:
        """Put what is known into the text of ``Fn::Sub``."""
        text, own = (inner, {}) if isinstance(inner, str) else (inner[0], self.value(inner[1]))
        known = {**self._values, **{key: one for key, one in own.items() if isinstance(one, str)}}
        text = _VARIABLE.sub(lambda match: known.get(match[1], match[0]), text)
        left = {key: one for key, one in own.items() if key in _VARIABLE.findall(text)}
        if not _VARIABLE.search(text):
            return text.replace("${!", "${")
        return {"Fn::Sub": [text, left] if left else text}

    def _mapped(self, path: Sequence[Any]) -> Any:
        node: Any = self._template.get("Mappings", {})
        for key in path:
            if not isinstance(key, str) or key not in node:
                return {"Fn::FindInMap": list(path)}
            node = node[key]
        return self.value(node)


def _computed(function: str, inner: Any) -> Any:
    """Compute what needs no more than the resolved arguments; leave the rest as it is written."""
    if (
        function == "Fn::Join"
        and isinstance(inner[1], list)
        and all(isinstance(one, str) for one in inner[1])
    ):
        return inner[0].join(inner[1])
    if function == "Fn::Split" and isinstance(inner[1], str):
        return inner[1].split(inner[0])
    if function == "Fn::Select" and isinstance(inner[1], list) and int(inner[0]) < len(inner[1]):
        return inner[1][int(inner[0])]
    return {function: inner}


def _text(node: Any) -> Any:
    """Return a scalar as AWS compares it: ``true`` and ``"true"``, ``8000`` and ``"8000"`` are the same."""
    if isinstance(node, bool):
        return str(node).lower()
    return str(node) if isinstance(node, int | float) else node
