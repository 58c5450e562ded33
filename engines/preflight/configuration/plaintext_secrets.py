"""Secrets in plain text, where others can read them: in an inventory's files or on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from engines.errors import ConfigurationError
from engines.postgres.session import parse
from engines.preflight.model import Finding, Settings, is_reference

try:
    from yaml import CSafeLoader as _Safe
except ImportError:  # a PyYAML without its C part
    from yaml import SafeLoader as _Safe  # type: ignore[assignment] # the same loader in Python

_ENCRYPTED = "$ANSIBLE_VAULT"
_VAULT = "vault_"
_SECRETS = ("provision_secrets", "platform_database_secrets", "platform_secrets")
# What Ansible reads as variables.
_SUFFIXES = ("", ".yml", ".yaml", ".json")


class _Loader(_Safe):
    """Reads an inventory's file, save for what has a tag of Ansible's (``!vault``): that is no plain text."""


_Loader.add_multi_constructor("!", lambda *_: None)


def on_command_line(settings: Settings, words: Sequence[str]) -> Iterator[Finding]:
    """Find secrets in ``words``, a command line, which every process list shows."""
    for variable, value in _literals(settings) if settings.real_account else ():
        if any(value in word for word in words):
            yield Finding(
                variable,
                "was given on the command line, where others can read it",
                "Change it, and give it in a file: -e @FILE, encrypted by ansible-vault.",
            )


def in_files(settings: Settings) -> Iterator[Finding]:
    """Find secrets in plain text in the files of the inventory.

    A reference, an expression and an encrypted value are none. The rehearsal's passwords are no secrets.
    """
    folder = Path(settings.inventory_dir) if settings.real_account and settings.inventory_dir else None
    for path in _files(folder) if folder else ():
        text = path.read_text(encoding="utf-8", errors="replace")
        if not text.startswith(_ENCRYPTED):
            for variable in _plain(_read(text)):
                yield Finding(
                    variable,
                    f"stands in plain text in {path.name}",
                    f"Move it to vault.yml and encrypt that (ansible-vault encrypt {path.parent}/vault.yml), "
                    "or give a reference such as env:NAME.",
                )


def _files(folder: Path) -> list[Path]:
    """Return the files that Ansible reads variables from, in linked folders too, which ``rglob`` skips."""
    found = [Path(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names]
    return sorted(path for path in found if path.suffix in _SUFFIXES and path.is_file())


def _read(text: str) -> Mapping[str, Any]:
    """Return a file's variables; Ansible itself reports a file that is no YAML."""
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _plain(variables: Mapping[str, Any]) -> Iterator[str]:
    for name, value in variables.items():
        if str(name).startswith(_VAULT) and _is_plain(value):
            yield str(name)
    for holder, values in _places(variables):
        yield from (f"{holder}.{key}" if key else holder for key, value in values if _is_plain(value))


def _places(variables: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[tuple[str, Any]]]]:
    """Yield each variable that holds secrets, and the secrets in it by their key."""
    database, store = (variables.get(one) for one in ("platform_source_database", "platform_source_store"))
    if isinstance(database, str) and _has_password(database):
        yield "platform_source_database", [("", database)]
    if isinstance(store, Mapping):
        yield "platform_source_store", [("secret_key", store.get("secret_key"))]
    for holder in _SECRETS:
        listed = variables.get(holder)
        if isinstance(listed, list):
            named = [one for one in listed if isinstance(one, Mapping)]
            yield holder, [(str(one.get("name")), one.get("value")) for one in named]


def _literals(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each secret of ``settings`` that is given as it is, and its variable."""
    given = [("platform_source_store.secret_key", settings.source_store.get("secret_key"))]
    given += [(f"provision_secrets.{one.get('name')}", one.get("value")) for one in settings.secrets or ()]
    if _has_password(settings.source_database):
        given.append(("platform_source_database", parse(settings.source_database).parameters["password"]))
    yield from ((variable, str(value)) for variable, value in given if _is_plain(value))


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, str | int)
        and bool(value)
        and "{{" not in str(value)
        and not is_reference(str(value))
    )


def _has_password(address: str) -> bool:
    try:
        return "password" in parse(address).parameters
    except ConfigurationError:
        return False
