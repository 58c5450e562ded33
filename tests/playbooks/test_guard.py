"""A command that would do nothing, or not what was meant, is refused; one that the documents show is not."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("ansible-playbook"))
GUARD = ROOT / "playbooks/callback_plugins/guard.py"
OTHER_HOSTS = """\
platform: {hosts: {one: {ansible_connection: local}}}
others: {hosts: {two: {ansible_connection: local}}}
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guard", GUARD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guard = load()
# From ansible-core 2.20 on a run listens on a socket of its own.
RUNS_ANSIBLE = pytest.mark.usefixtures("servers")


def refused(*arguments: str, cwd: Path = ROOT) -> str:
    """Return what the command says, on one line. It has to fail, and to have done nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=cwd,
        env={**environment, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == guard.REFUSED, text
    assert "Nothing was done." in text
    assert "TASK [" not in text
    return text


@RUNS_ANSIBLE
def test_another_working_directory_is_refused(tmp_path: Path) -> None:
    for name in ("migrate.yml", "stack_up.yml"):
        text = refused(str(ROOT / "playbooks" / name), cwd=tmp_path)
        assert f"Run from there: cd {ROOT}" in text


@RUNS_ANSIBLE
def test_an_inventory_without_the_group_is_refused(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("others: {hosts: {two: {ansible_connection: local}}}\n", encoding="utf-8")
    text = refused("-i", str(inventory), "playbooks/status.yml")
    assert "Give it a group `platform`" in text


@RUNS_ANSIBLE
def test_a_limit_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(OTHER_HOSTS, encoding="utf-8")
    assert "--limit two leaves no host" in refused(
        "-i", str(inventory), "playbooks/status.yml", "--limit", "two"
    )


@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
@RUNS_ANSIBLE
def test_an_unknown_tag_is_refused(option: str) -> None:
    text = refused("playbooks/migrate.yml", option, "provision,databse")
    assert "No play or task has the tag databse. Did you mean database?" in text


@RUNS_ANSIBLE
def test_a_tag_of_another_playbook_is_refused() -> None:
    assert "has the tag storage" in refused("playbooks/database.yml", "--tags", "storage")


@RUNS_ANSIBLE
def test_tags_that_leave_nothing_are_refused() -> None:
    assert "No task was chosen" in refused("playbooks/database.yml", "--skip-tags", "database")


@RUNS_ANSIBLE
def test_an_unknown_start_is_refused() -> None:
    text = refused("playbooks/status.yml", "--start-at-task", "Read teh ledger")
    assert "Did you mean Read the ledger?" in text


@RUNS_ANSIBLE
def test_an_unknown_variable_is_refused() -> None:
    text = refused("playbooks/migrate.yml", "-e", "platform_nmae=other", "-e", '{"ansible_user": "somebody"}')
    assert "Nothing reads the variable platform_nmae. Did you mean platform_name?" in text
    assert "ansible_user" not in text


@RUNS_ANSIBLE
def test_a_wrong_value_is_refused_by_a_phase_s_own_playbook() -> None:
    text = refused("playbooks/storage.yml", "-e", "storage_jobs=abc", "-e", "storage_on_target_extra=keeep")
    assert "-e storage_jobs: is a text, not a whole number. Write digits alone." in text
    assert "Set refuse or keep. Did you mean keep?" in text


def test_values_are_held_against_the_descriptions_of_their_variables() -> None:
    class FromCommandLine(str):
        """Ansible marks where a value came from by types of its own."""

        __slots__ = ()

    class FromVault:
        """What is encrypted is not read."""

    def wrong(name: str, value: object) -> str:
        return " ".join(guard.wrong_values({name: value}))

    assert wrong("storage_jobs", FromCommandLine("4")) == ""
    assert "not a whole number" in wrong("storage_jobs", FromCommandLine("four"))
    assert "out of range" in wrong("ledger_lease", 1)
    assert "is null" in wrong("database_jobs", None)
    store = {"endpoit": "canary-1"}
    assert "Did you mean endpoint?" in wrong("storage_source", store)
    assert "canary-1" not in wrong("storage_source", store)
    assert """-e '{"storage_consent": ["…"]}'.""" in wrong("storage_consent", FromCommandLine("a"))
    assert store == {"endpoit": "canary-1"}
    for expression in ("{{ 1 }}", [{"name": "{{ one }}"}], {"a": "{% if x %}"}, FromVault()):
        assert wrong("storage_buckets", expression) == "", expression
    assert wrong("a_variable_of_the_user_s_own", object()) == ""


@RUNS_ANSIBLE
def test_an_environment_without_the_project_is_refused(tmp_path: Path) -> None:
    for name in (
        "playbooks",
        "roles",
        "library",
        "plugins",
        "inventories",
        "ansible.cfg",
        "requirements.yml",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needs = project.replace('    "boto3>=', '    "a-package-that-nobody-has>=3",\n    "boto3>=99,>=')
    (tmp_path / "pyproject.toml").write_text(needs, encoding="utf-8")
    text = refused("playbooks/migrate.yml", cwd=tmp_path)
    assert "lacks a-package-that-nobody-has>=3, boto3" in text
    assert "make setup" in text
    assert f"pip install {tmp_path}" in text


@pytest.mark.parametrize(
    "arguments", [["--tags", "one"], ["--start-at-task", "Show tw*"], ["-e", "platform_name=x"], []]
)
@RUNS_ANSIBLE
def test_a_command_that_does_something_is_let_through(tmp_path: Path, arguments: list[str]) -> None:
    plugins = tmp_path / "callback_plugins"
    plugins.mkdir()
    (plugins / "guard.py").symlink_to(GUARD)
    play = """\
    - hosts: platform
      gather_facts: false
      tasks:
        - {name: Show one, ansible.builtin.debug: {msg: one}, tags: [one]}
        - {name: Show two, ansible.builtin.debug: {msg: two}}
    """
    (tmp_path / "play.yml").write_text(play, encoding="utf-8")
    done = subprocess.run(
        [PROGRAM, str(tmp_path / "play.yml"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "guard" not in done.stdout + done.stderr


def test_collections_of_other_versions_are_named(tmp_path: Path) -> None:
    wanted = {
        "collections": [{"name": "amazon.aws", "version": ">=99"}, {"name": "no.body", "version": ">=1"}]
    }
    (tmp_path / "requirements.yml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
    older, absent = guard.missing_collections(tmp_path)
    assert re.fullmatch(r"collection amazon\.aws >=99 \(there is [\d.]+\)", older)
    assert absent == "collection no.body >=1"
    assert guard.missing_collections(ROOT) == []
    assert guard.missing_packages(ROOT) == []


def test_whatever_an_inventory_of_the_user_s_own_names_is_known(tmp_path: Path) -> None:
    values = tmp_path / "group_vars/all"
    values.mkdir(parents=True)
    (values / "main.yml").write_text("platform_name: '{{ our_prefix }}-x'\n", encoding="utf-8")
    assert "our_prefix" in guard.known_variables(sources=[str(tmp_path)])
    (tmp_path / "hosts.yml").write_text("platform: {}\n", encoding="utf-8")
    assert "our_prefix" in guard.known_variables(sources=[str(tmp_path / "hosts.yml")])
    assert "our_prefix" not in guard.known_variables()


def test_a_variable_of_an_inventory_elsewhere_in_the_checkout_is_known() -> None:
    assert "shelf_greeting" in guard.known_variables(sources=[str(ROOT / "tests/second_app/inventory")])
    assert "shelf_greeting" not in guard.known_variables()


def documented() -> list[list[str]]:
    """Return the words of each command that a document, a role's README, make or a message shows."""
    files = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("roles/*/README.md"),
        ROOT / "Makefile",
    ]
    files += [
        *ROOT.glob("engines/**/*.py"),
        *ROOT.glob("roles/*/tasks/**/*.yml"),
        *ROOT.glob("playbooks/*.yml"),
    ]
    found = []
    for file in files:
        text = (
            file.read_text(encoding="utf-8").replace("\\\n", " ").replace("\\_", "_")
        )  # as Markdown escapes it
        for line in re.findall(r"playbooks/\w+\.yml[^\n`'\"]*|-e \w+=[^\s`'\"]*", text):
            words = re.sub(r"[^\x20-\x7e]", "", line)
            found.append(words.split())
    return found


def test_no_command_of_the_documents_is_refused() -> None:
    known = guard.known_variables()
    commands = documented()
    variables = {
        words[number + 1].split("=")[0]
        for words in commands
        for number, word in enumerate(words[:-1])
        if word == "-e" and "=" in words[number + 1]
    }
    assert len(variables) > 15
    assert guard.unknown_variables(sorted(variables), known) == []


def test_no_value_of_the_documents_is_refused() -> None:
    """Those that a reader fills in (NAME, …) are any text; a decision shows what is refused."""
    given = [
        words[number + 1].strip("'\"),.:;").split("=", 1)
        for words in documented()
        for number, word in enumerate(words[:-1])
        if word == "-e" and "=" in words[number + 1]
    ]
    plain = [(name, value) for name, value in given if re.fullmatch(r"[a-z0-9_./-]+", value)]
    assert len(plain) > 10
    shown = {name for name, value in plain if guard.wrong_values({name: value})}
    assert shown == {"storage_consent"}


def tags(playbook: str) -> set[str]:
    done = subprocess.run(
        [PROGRAM, f"playbooks/{playbook}", "--list-tags"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {tag for line in re.findall(r"TAGS: \[(.*?)\]", done.stdout) for tag in line.split(", ")}


def test_every_tag_of_the_documents_is_known() -> None:
    given = {
        tag
        for words in documented()
        for number, word in enumerate(words[:-1])
        if word == "--tags"
        for tag in shlex.split(words[number + 1])[0].split(",")
    }
    assert given
    assert (
        guard.unknown_tags(sorted(given - {"databse"}), tags("migrate.yml")) == []
    )  # the tutorial's mistake
    assert guard.unknown_tags(["notest", "molecule-notest"], set()) == []  # Molecule skips them
