# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Refuses a command that would end well without having done anything, or not what was meant.

Ansible skips a play without hosts, tags that nothing has and variables that nobody reads, and reports
success; a variable of the wrong type it reports in words of its own, once a phase is under way. This callback
is in a folder of the playbooks, so that it is found from any directory and with any configuration. It imports
nothing of the project, which may not be installed, before it has looked. Ansible swallows exceptions of
callbacks, but lets SystemExit pass.
"""

from __future__ import annotations

import copy
import difflib
import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any, NoReturn

import yaml
from ansible import constants, context
from ansible.executor.stats import AggregateStats
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
# ansible-playbook's own code for options that are wrong.
REFUSED = 5
# Ansible's own, and those that Molecule skips whether something has them or not.
SPECIAL_TAGS = {"all", "always", "never", "tagged", "untagged"} | {
    "notest",
    "molecule-notest",
    "molecule-idempotence-notest",
}


def suggestion(given: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" if something known is close to what was given."""
    close = difflib.get_close_matches(given, sorted(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def tasks_of(blocks: Iterable[Any]) -> Iterator[Task]:
    """Yield the tasks of blocks, however deep."""
    for one in blocks:
        if isinstance(one, Block):
            yield from tasks_of([*one.block, *one.rescue, *one.always])
        else:
            yield one


def tags_of(play: Play) -> set[str]:
    """Return every tag that can choose something of a play; included roles get theirs by `apply`."""
    found = set(play.tags)
    for task in tasks_of(play.compile()):
        found |= set(task.tags)
        found |= set(((task.args or {}).get("apply") or {}).get("tags") or [])
    return found


def unknown_tags(wanted: Iterable[str], known: set[str]) -> list[str]:
    """Return a sentence for each tag that chooses nothing."""
    return [
        f"no play or task has the tag {tag}.{suggestion(tag, known)}"
        for tag in wanted
        if tag not in known | SPECIAL_TAGS
    ]


def known_variables(root: Path = ROOT, sources: Iterable[str] = ()) -> set[str]:
    """Return the variables that something reads: roles' options, and what playbooks and inventories name.

    ``sources`` are inventories of the user's own: whatever these name may be read there.
    """
    found: set[str] = set()
    for spec in root.glob("roles/*/meta/argument_specs.yml"):
        for entry in _load(spec)["argument_specs"].values():
            found |= set(entry.get("options", {}))
    for file in [*root.glob("playbooks/*.yml"), *root.glob("inventories/**/*.yml")]:
        found |= {word for word in _words(file) if "_" in word}
    for source in map(Path, sources):
        folder = source if source.is_dir() else source.parent
        if not folder.resolve().is_relative_to(root / "inventories"):  # those are read already
            files = [*folder.glob("*_vars/**/*"), *(folder.glob("*") if source.is_dir() else [source])]
            found |= {word for file in files if file.is_file() for word in _words(file)}
    return found


def _words(file: Path) -> set[str]:
    return set(re.findall(r"\b[A-Za-z_]\w*\b", file.read_text(encoding="utf-8", errors="replace")))


def unknown_variables(given: Iterable[str], known: set[str]) -> list[str]:
    """Return a sentence for each extra variable that nothing reads."""
    return [
        f"nothing reads the variable {name}.{suggestion(name, known)}"
        for name in given
        if name not in known and not name.startswith("ansible_")
    ]


def wrong_values(given: Mapping[str, Any], root: Path = ROOT) -> list[str]:
    """Return a sentence for each extra variable whose value its description does not allow.

    An expression has no value yet: the checks of the configuration evaluate it.
    """
    from engines.preflight import variables  # noqa: PLC0415 - the project was found only now

    descriptions = variables.described(root / "roles")
    plain = {name: one for name, one in given.items() if name in descriptions and _is_plain(one)}
    found, _ = variables.find(descriptions, variables.Configuration(copy.deepcopy(plain)))
    return [f"-e {one}{_written(descriptions, one.variable)}" for one in found]


def _written(descriptions: Mapping[str, Any], name: str) -> str:
    """Return how a command line gives a variable more than one value: NAME=VALUE makes a text of anything."""
    known = descriptions.get(name)
    example = {"list": '["…"]', "dict": '{"…": "…"}'}.get(known.option["type"] if known else "", "")
    return f" On a command line: -e '{{\"{name}\": {example}}}'." if example else ""


def _is_plain(value: Any) -> bool:
    """Whether a value is what it will be: no expression, and nothing that a vault has encrypted."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    return value is None or isinstance(value, int | float)


def _load(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe ones


def missing_packages(root: Path = ROOT) -> list[str]:
    """Return what this Python lacks of the project and its dependencies, each with what it has instead."""
    found = [] if util.find_spec("engines") else ["bmii-migrate itself (the package engines)"]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in project["dependencies"]:
        wanted = Requirement(text)
        # Its collections are looked at instead: they can come from elsewhere.
        if wanted.name == "ansible" or (wanted.marker and not wanted.marker.evaluate()):
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            found.append(f"{wanted.name}{wanted.specifier}")
        else:
            if not wanted.specifier.contains(version, prereleases=True):
                found.append(f"{wanted.name}{wanted.specifier} (there is {version})")
    return found


def missing_collections(root: Path = ROOT) -> list[str]:
    """Return the collections that are not there, or at another version than the playbooks are written for."""
    found = []
    for wanted in _load(root / "requirements.yml")["collections"]:
        name, versions = wanted["name"], wanted["version"]
        version = _collection_version(name)
        if version is None:
            found.append(f"collection {name} {versions}")
        elif not SpecifierSet(versions).contains(version, prereleases=True):
            found.append(f"collection {name} {versions} (there is {version})")
    return found


def _collection_version(name: str) -> str | None:
    try:
        spec = util.find_spec(f"ansible_collections.{name}")
    except ModuleNotFoundError:
        return None
    for place in (spec.submodule_search_locations or []) if spec else []:
        manifest = Path(place) / "MANIFEST.json"
        if manifest.exists():
            return json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
    return None


class CallbackModule(CallbackBase):
    """Looks at the command before its first task, and at what has run after the last."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "guard"

    def __init__(self) -> None:
        super().__init__()
        self._play: Play | None = None

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Refuse what is wrong with the command whatever the hosts are."""
        self._refuse_other_places()
        self._refuse_other_environments()
        plays = playbook.get_plays()
        self._refuse_unknown_tags(plays)
        self._refuse_unknown_task(plays)
        if plays:
            self._refuse_wrong_variables(plays[0])

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Keep which play it is."""
        self._play = play

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Refuse to skip a play for want of hosts."""
        play = self._play
        limit = context.CLIARGS.get("subset")
        sources = ", ".join(context.CLIARGS.get("inventory") or ["none"])
        if limit:
            text = f"--limit {limit} leaves no host for the play {play}. Leave it out."
        else:
            text = (
                f"the inventory ({sources}) has no host in the group that the play {play} is for."
                " Give it a group `platform`, as inventories/local/hosts.yml has, or name another: "
                "-i inventories/production."
            )
        self._refuse([text])

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Refuse to call it a success that no host has run a task."""
        if not stats.processed:
            self._refuse(["no task was chosen by --tags, --skip-tags, --limit and --start-at-task together."])

    def _refuse_other_places(self) -> None:
        paths = [Path(one).resolve() for one in constants.DEFAULT_ROLES_PATH or []]
        if ROOT / "roles" in paths and ROOT / "library" in map(Path, constants.DEFAULT_MODULE_PATH or []):
            return
        read = constants.CONFIG_FILE or "none"
        text = (
            f"the configuration of this checkout was not read ({ROOT}/ansible.cfg; Ansible read {read})."
            f" Run from there: cd {ROOT}; or export ANSIBLE_CONFIG={ROOT}/ansible.cfg."
            " (In a directory that others may write to, Ansible reads none.)"
        )
        self._refuse([text])

    def _refuse_other_environments(self) -> None:
        missing = [*missing_packages(), *missing_collections()]
        text = (
            f"this ansible-playbook's Python ({sys.prefix}) lacks {', '.join(missing)}."
            f" Use the project's own: cd {ROOT} && make setup && .venv/bin/ansible-playbook …;"
            f" or install it into this one: pip install {ROOT}"
        )
        self._refuse([text] if missing else [])

    def _refuse_unknown_tags(self, plays: list[Play]) -> None:
        known = set().union(*map(tags_of, plays))
        wanted = [*context.CLIARGS.get("tags", ()), *context.CLIARGS.get("skip_tags", ())]
        self._refuse(unknown_tags(wanted, known))

    def _refuse_unknown_task(self, plays: list[Play]) -> None:
        wanted = context.CLIARGS.get("start_at_task")
        if not wanted:
            return
        tasks = [task for play in plays for task in tasks_of(play.compile())]
        names = {name for task in tasks for name in (task.name, task.get_name()) if name}
        if not any(fnmatch.fnmatch(name, wanted) for name in names):
            text = (
                f"no task that --start-at-task can reach is called {wanted}.{suggestion(wanted, names)}"
                " Tasks within a phase cannot be reached: use --tags to begin with a phase."
                " What is done is not repeated."
            )
            self._refuse([text])

    def _refuse_wrong_variables(self, play: Play) -> None:
        if given := play.get_variable_manager().extra_vars:
            known = known_variables(sources=context.CLIARGS.get("inventory") or ())
            self._refuse(unknown_variables(sorted(given), known) + wrong_values(given))

    def _refuse(self, sentences: list[str]) -> None:
        if sentences:
            refuse(self._display, sentences)


def refuse(display: Any, sentences: list[str]) -> NoReturn:
    """End the command: nothing has been done."""
    for sentence in sentences:
        display.error(sentence[0].upper() + sentence[1:], wrap_text=False)
    display.error("Nothing was done.", wrap_text=False)
    raise SystemExit(REFUSED)
