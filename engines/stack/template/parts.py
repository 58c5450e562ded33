"""One CloudFormation template from parts, each a YAML file about one concern."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from engines.errors import ConfigurationError

_SECTIONS = ("Metadata", "Parameters", "Mappings", "Rules", "Conditions", "Resources", "Outputs")
_SCALARS = ("AWSTemplateFormatVersion", "Description")

# These two are spelled without "Fn::" in the long form.
_BARE = frozenset({"Ref", "Condition"})


def merge(paths: Sequence[Path | str]) -> dict[str, Any]:
    """Return the one template that the parts at ``paths`` make, in long form (plain JSON types).

    A name may be declared once per section: a second declaration, in whichever part, is refused with
    ``ConfigurationError``, as are an unknown section and a part that is not YAML.
    """
    merged: dict[str, Any] = {}
    origin: dict[tuple[str, str], str] = {}
    for path in map(Path, paths):
        for section, body in _read(path).items():
            names = {"": body} if section in _SCALARS else body
            if section not in _SCALARS + _SECTIONS or not isinstance(names, dict):
                raise ConfigurationError(
                    f"{section} is not a section of a template",
                    subject=path.name,
                    remedy=f"Use one of {', '.join(_SCALARS + _SECTIONS)}.",
                )
            for name in names:
                _declare(origin, section, name, path.name)
            if section in _SCALARS:
                merged[section] = body
            else:
                merged.setdefault(section, {}).update(names)
    return {section: merged[section] for section in _SCALARS + _SECTIONS if section in merged}


def _declare(origin: dict[tuple[str, str], str], section: str, name: str, part: str) -> None:
    """Note where ``name`` is declared, and refuse a second place."""
    if (section, name) in origin:
        what = f"{section} {name}".rstrip()
        raise ConfigurationError(
            f"{what} is declared already, in {origin[section, name]}",
            subject=part,
            remedy="Rename one of the two.",
        )
    origin[section, name] = part


def _read(path: Path) -> dict[str, Any]:
    """Return the part at ``path`` in long form."""
    try:
        part = yaml.load(path.read_text(encoding="utf-8"), Loader=_PartLoader)  # noqa: S506 - a SafeLoader
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"cannot be read: {error}", subject=str(path), remedy="Correct the file."
        ) from error
    if not isinstance(part, dict):
        raise ConfigurationError(
            "holds no template", subject=str(path), remedy="Write sections such as Resources into it."
        )
    return part


class _PartLoader(yaml.SafeLoader):
    """Safe YAML that also knows CloudFormation's short forms, and refuses a key written twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping; plain YAML would let the last of two equal keys win."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.composer.ComposerError(None, None, f"{twice[0]} is written twice", node.start_mark)
        return node


def _long_form(loader: _PartLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Turn ``!Sub x`` into ``{"Fn::Sub": x}``, ``!GetAtt a.b`` into ``{"Fn::GetAtt": ["a", "b"]}``."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _BARE else f"Fn::{suffix}": value}


def _text(loader: _PartLoader, node: yaml.ScalarNode) -> str:
    """Keep a date, such as the template's version, as the text that CloudFormation expects."""
    return str(loader.construct_scalar(node))


_PartLoader.add_multi_constructor("!", _long_form)
_PartLoader.add_constructor("tag:yaml.org,2002:timestamp", _text)
