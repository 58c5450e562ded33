"""Roles, modules and playbooks keep their contracts, and the documents name all of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def specified(role: str) -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = {}
    for entry in load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"].values():
        options.update(entry.get("options", {}))
    return options


def test_production_sends_no_traces_to_a_collector_that_nobody_has() -> None:
    assert load(ROOT / "inventories/production/group_vars/all/main.yml")["platform_otel_exporter"] == "none"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_agree(role: str) -> None:
    defaults = load(ROOT / "roles" / role / "defaults/main.yml") or {}
    options = specified(role)
    assert set(defaults) - set(options) == set(), "defaults without a specification"
    without_default = {name for name, option in options.items() if not option.get("required")} - set(defaults)
    assert without_default == set(), "optional variables without a default"
    for name, option in options.items():
        assert option.get("type"), f"{name} has no type"
        assert option.get("description"), f"{name} has no description"
        if "default" in option:
            assert option["default"] == defaults[name], f"{name}: the specification names another default"


@pytest.mark.parametrize("role", ROLES)
def test_public_variables_carry_the_role_s_prefix(role: str) -> None:
    assert [name for name in specified(role) if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", ROLES)
def test_the_role_s_readme_explains_every_variable(role: str) -> None:
    readme = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ .*$", readme, re.MULTILINE))
    text = "\n".join(headings)
    assert [name for name in specified(role) if f"`{name}`" not in text] == []
    assert any("Idempotence" in heading for heading in headings)
    assert any("Undo" in heading for heading in headings)


@pytest.mark.parametrize("role", ROLES)
def test_task_files_fit_a_screen_or_two(role: str) -> None:
    for path in (ROOT / "roles" / role).glob("tasks/**/*.yml"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_a_molecule_scenario(role: str) -> None:
    assert (ROOT / "molecule" / role / "molecule.yml").is_file()
    assert (ROOT / "molecule" / role / "verify.yml").is_file()


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_documented(module: str) -> None:
    source = (ROOT / "library" / f"{module}.py").read_text(encoding="utf-8")
    documents = dict(
        re.findall(r'^(DOCUMENTATION|EXAMPLES|RETURN) = r?"""\n(.*?)^"""', source, re.MULTILINE | re.DOTALL)
    )
    assert set(documents) == {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    documentation = yaml.safe_load(documents["DOCUMENTATION"])
    assert documentation["module"] == module
    assert all(option.get("description") for option in documentation["options"].values())
    assert module in documents["EXAMPLES"]
    assert yaml.safe_load(documents["RETURN"])
    assert "supports_check_mode=True" in source


def test_the_reference_names_every_module_playbook_and_role() -> None:
    reference = "".join(
        (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
        for name in ("playbooks.md", "modules.md")
    )
    for name in [*MODULES, *ROLES, *PLAYBOOKS]:
        assert f"`{name}`" in reference, f"docs/reference does not name {name}"


def test_the_reference_names_every_tag() -> None:
    reference = (ROOT / "docs/reference/playbooks.md").read_text(encoding="utf-8")
    tags = {
        tag for name in PLAYBOOKS for play in load(ROOT / "playbooks" / name) for tag in play.get("tags", [])
    }
    assert len(tags) > 10
    assert [tag for tag in sorted(tags) if f"| `{tag}` |" not in reference] == []


def test_nothing_hides_a_failure() -> None:
    for path in [
        *ROOT.glob("roles/**/*.yml"),
        *ROOT.glob("playbooks/*.yml"),
        *ROOT.glob("molecule/**/*.yml"),
    ]:
        assert "ignore_errors" not in path.read_text(encoding="utf-8"), path


def test_engines_are_free_of_ansible_and_of_the_rehearsal() -> None:
    for path in ROOT.glob("engines/**/*.py"):
        imports = re.findall(
            r"^\s*(?:from|import) (ansible|rehearsal|bmii)\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert imports == [], path


def _inventory_files() -> list[Path]:
    return [
        *ROOT.glob("inventories/common/*.yml"),
        *ROOT.glob("inventories/bmii/*.yml"),
        *ROOT.glob("inventories/rehearsal/*.yml"),
        *(path for path in ROOT.glob("inventories/*/group_vars/all/*.yml") if not path.is_symlink()),
    ]


def test_every_variable_of_the_platform_is_documented() -> None:
    documents = "".join(
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in ("guides/production.md", "reference/variables.md")
    )
    variables = {
        name for path in _inventory_files() for name in load(path) or {} if name.startswith("platform_")
    }
    assert len(variables) > 20
    assert [name for name in sorted(variables) if f"`{name}`" not in documents] == []
    named = set(re.findall(r"`(platform_[a-z_]+)`", documents))
    assert named - variables == set(), "named in the documents, and set nowhere"


def test_the_example_of_the_vault_names_what_the_inventory_takes_from_it() -> None:
    folder = ROOT / "inventories/production/group_vars/all"
    used = {
        name
        for path in _inventory_files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
        for name in re.findall(r"\bvault_[a-z_]+", line.partition("  # ")[0])
    }
    assert used == set(load(folder / "vault.example.yml"))


def test_the_vault_of_an_inventory_is_never_committed() -> None:
    """It holds the source's passwords in plain text until somebody encrypts it."""
    for path in ("production/group_vars/all/vault.yml", "staging/group_vars/platform/deep/vault.yml"):
        ignored = subprocess.run(["git", "check-ignore", "-q", f"inventories/{path}"], cwd=ROOT, check=False)
        assert ignored.returncode == 0, path
