"""What every variable is: its type, default and secrecy, and what its value must be beyond that.

Two files of a role say it: ``meta/argument_specs.yml``, in the format of Ansible, which has no place for a
range, and next to it ``meta/checks.yml``. Variables of the platform, which several roles read, are described
by ``roles/preflight/files/platform.yml``, with their checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

# A C parser where PyYAML has it: a dozen files are read in a fraction of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLATFORM = Path("preflight", "files", "platform.yml")


@dataclass(frozen=True)
class Description:
    """A variable: the ``option`` of its role's argument specification, and the ``check`` of its value.

    ``check`` is None for what nobody has said anything about, which a test refuses.
    """

    name: str
    read_by: tuple[str, ...]
    option: Mapping[str, Any]
    check: Mapping[str, Any] | None

    @property
    def target(self) -> str:
        """The only ``platform_target`` with which the variable is used; empty for any."""
        return str((self.check or {}).get("target", ""))

    @property
    def secret(self) -> bool:
        """Whether the value, or a part of it, must not be shown."""
        return bool(self.option.get("no_log")) or any(
            one.get("no_log") for one in (self.option.get("options") or {}).values()
        )


@cache
def described(roles: Path) -> Mapping[str, Description]:
    """Return every variable that the roles in the folder ``roles`` and its playbooks read, by name."""
    found = {
        name: Description(name, tuple(option["read_by"]), option, _check(option, option.get("check")))
        for name, option in _load(roles / _PLATFORM)["variables"].items()
    }
    for specification in sorted(roles.glob("*/meta/argument_specs.yml")):
        role = specification.parents[1].name
        checks = _load(specification.with_name("checks.yml"))
        for entry in _load(specification)["argument_specs"].values():
            for name, option in (entry.get("options") or {}).items():
                found[name] = Description(name, (role,), option, _check(option, checks.get(name)))
    return found


def _check(option: Mapping[str, Any], check: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return what is checked beyond the type; of a choice or a truth value that is nothing."""
    if check is None and (option["type"] == "bool" or "choices" in option):
        return {}
    return check


def _load(path: Path) -> dict[str, Any]:
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}) if path.exists() else {}  # noqa: S506 - a SafeLoader


def secrets(descriptions: Mapping[str, Description], values: Mapping[str, Any]) -> set[str]:
    """Return the texts among ``values`` that must not be shown."""
    found: set[str] = set()
    for name, value in values.items():
        found |= set(_secret_texts(value, descriptions[name].option))
    return found


def _secret_texts(value: Any, option: Mapping[str, Any]) -> Iterator[str]:
    if option.get("no_log"):
        yield from _texts(value)
    elif isinstance(value, list):
        for one in value:
            yield from _secret_texts(one, {"options": option.get("options")})
    elif isinstance(value, dict):
        parts = option.get("options") or {}
        if not parts:
            return
        for key, one in value.items():
            # What is misspelt may be the secret.
            yield from _secret_texts(one, parts.get(key, {"no_log": True}))
    elif option.get("options"):
        # A text where a mapping with a secret is needed may be the secret.
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
    elif value not in (None, "") and not isinstance(value, bool):
        yield str(value)
