"""No variable can be added without its check: every one is described, and the descriptions are sound."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from engines.preflight import variables

ROOT = Path(__file__).parents[2]
DESCRIPTIONS = variables.described(ROOT / "roles")
CONFIGURATION = ROOT / "engines/preflight/configuration"


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_variable_has_a_check_or_says_why_not() -> None:
    assert len(DESCRIPTIONS) > 180
    assert [name for name, one in DESCRIPTIONS.items() if one.check is None] == []


def test_no_check_is_of_a_variable_that_is_gone() -> None:
    checked = {name for path in ROOT.glob("roles/*/meta/checks.yml") for name in _load(path) or {}}

    assert checked - set(DESCRIPTIONS) == set()


def test_checks_are_of_a_known_kind() -> None:
    for name, description in DESCRIPTIONS.items():
        check = description.check or {}
        assert check.keys() <= {
            *("any", "by", "each", "empty", "form", "from", "keys", "most", "null", "shape", "target", "to"),
        }, name
        assert check.get("form", "url") in variables.FORMS, name
        assert {check.get("each"), check.get("keys")} <= {None, "any", *variables.FORMS}, name
        assert check.get("shape", "ports") in variables.SHAPES, name
        assert ("from" in check) == ("to" in check), name
        if "by" in check:
            text = (CONFIGURATION / f"{check['by']}.py").read_text(encoding="utf-8")
            assert "Finding(" in text, name


def test_every_default_passes_its_own_check() -> None:
    defaults = {
        name: one.option["default"]
        for name, one in DESCRIPTIONS.items()
        if "default" in one.option and "{{" not in str(one.option["default"])
    }

    found, _ = variables.find(DESCRIPTIONS, variables.Configuration(defaults))

    assert found == []


def test_every_variable_of_the_inventories_is_described() -> None:
    files = [path for path in ROOT.glob("inventories/**/*.yml") if path.name != "hosts.yml"]
    prefixes = tuple(f"{path.name}_" for path in (ROOT / "roles").iterdir())
    names = {name for path in files for name in _load(path) or {}}
    described = {name for name in names if name.startswith(("platform_", "migrate_", *prefixes))}

    assert len(described) > 100
    assert described - set(DESCRIPTIONS) == set()
    assert {name for name in names - described if not re.match(r"_|vault_", name)} == set()


def test_what_the_platform_s_file_describes_is_set_somewhere_and_read_by_those_it_names() -> None:
    described = _load(ROOT / "roles/preflight/files/platform.yml")["variables"]
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("inventories/**/*.yml"))
    roles = {path.name for path in (ROOT / "roles").iterdir()}
    for name, one in described.items():
        assert re.search(rf"^{name}:", text, re.MULTILINE), f"{name} is set nowhere"
        assert set(one["read_by"]) <= {*roles, "playbooks"}, name
        assert one["description"], name


def test_secrets_are_found_wherever_they_are() -> None:
    values = {
        "platform_source_database": "canary-1",
        "platform_source_store": {"endpoint": "http://a", "secret_key": "canary-2", "secret": "canary-3"},
        "provision_secrets": [{"name": "API_KEY", "value": "canary-4"}, "canary-5"],
        "platform_name": "bmii",
        "deploy_tags": {"a": "b"},
    }

    assert variables.secrets(DESCRIPTIONS, values) == {f"canary-{number}" for number in range(1, 6)}
