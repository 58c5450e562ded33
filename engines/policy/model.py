"""A policy document: filled in for an account, cut into pieces that IAM takes, and changed for a test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from engines.errors import ConfigurationError

Statement = dict[str, Any]
Document = dict[str, Any]

LIMIT = 6144  # characters of a managed policy, white space not counted
PLACEHOLDERS = ("Account", "Environment", "Name", "Partition", "Region")


def document(statements: Iterable[Statement]) -> Document:
    """Return the document of ``statements``."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def actions(statement: Mapping[str, Any]) -> list[str]:
    """Return the actions of a statement."""
    return _listed(statement["Action"])


def resources(statement: Mapping[str, Any]) -> list[str]:
    """Return the resources of a statement."""
    return _listed(statement["Resource"])


def fill(policy: Document, values: Mapping[str, str]) -> Document:
    """Return ``policy`` with its placeholders replaced. Raises ``ConfigurationError`` if one has no value."""
    missing = [name for name in PLACEHOLDERS if not values.get(name)]
    if missing:
        raise ConfigurationError(
            f"has no value for {', '.join(missing)}",
            subject="operator's policy",
            remedy=f"Give one for each of {', '.join(PLACEHOLDERS)}.",
        )
    text = json.dumps(policy)
    for name in PLACEHOLDERS:
        text = text.replace(f"${{{name}}}", values[name])
    filled: Document = json.loads(text)
    return filled


def size(policy: Document) -> int:
    """Return how many characters count against IAM's limit."""
    return len(json.dumps(policy, separators=(",", ":")))


def split(policy: Document, limit: int = LIMIT) -> list[Document]:
    """Return documents of at most ``limit`` characters that together say what ``policy`` says.

    Statements stay whole and in order. Raises ``ConfigurationError`` for one that is too large by itself.
    """
    pieces: list[list[Statement]] = [[]]
    for statement in policy["Statement"]:
        if size(document([statement])) > limit:
            raise ConfigurationError(
                f"takes more than the {limit} characters of a managed policy",
                subject=f"statement {statement['Sid']}",
                remedy="Split it in engines/policy/rules.yml.",
            )
        if size(document([*pieces[-1], statement])) > limit:
            pieces.append([])
        pieces[-1].append(statement)
    return [document(piece) for piece in pieces]


def without(policy: Document, action: str) -> Document:
    """Return ``policy`` without one action, wherever it is allowed."""
    kept = []
    for statement in policy["Statement"]:
        left = [each for each in actions(statement) if each != action or statement["Effect"] == "Deny"]
        if left:
            kept.append({**statement, "Action": left})
    return document(kept)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
