"""The pages say what is so: what they link to or name is there (`make lint` checks their generated parts)."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from engines.preflight.variables import described

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split()
PAGES = [name for name in TRACKED if name.endswith(".md") and (ROOT / name).is_file()]
FOLDERS = {name.split("/")[0] for name in TRACKED if "/" in name}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
# Where only a run makes the file, or the name is that of a pattern.
NOT_TRACKED = re.compile(r"[*…<>{}]|\bNAME\b|vault\.yml$|bench/results")


def text(name: str) -> str:
    return FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))


@cache
def anchors(name: str) -> set[str]:
    """Return the anchors that GitHub, and the site, give to a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text(name), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain.replace("`", "")).strip().replace(" ", "-"))
    return found


def test_every_message_says_what_to_do() -> None:
    rows = re.findall(
        r"^\| (.*) \| (.*) \|$", text("docs/troubleshooting.md").partition("## Every message")[2], re.M
    )
    assert len(rows) > 200
    assert [message for message, remedy in rows if not remedy.strip()] == []


def test_messages_that_are_quoted_are_those_of_the_code() -> None:
    symptoms, _, catalogue = text("docs/troubleshooting.md").partition("## Every message")
    sources = ["playbooks/callback_plugins/guard.py", "scripts/setup", "engines/schema/executor.py"]
    sources += ["engines/display/progress.py"]
    said = catalogue.replace("\\", "") + "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in sources
    )
    said = re.sub(r"\{[^{}]*\}", "…", re.sub(r"\"\s*\n\s*f?\"", "", said))
    quoted = [
        one for cell in re.findall(r"^\| ([^|]*) \|", symptoms, re.MULTILINE) for one in cell.split("`")[1::2]
    ]
    parts = [part.strip(" .,:()") for one in quoted for part in one.split("…")]
    assert len(parts) > 20
    assert [part for part in parts if len(part) > 8 and part.lower() not in said.lower()] == []


def test_the_tutorial_shows_phases_that_there_are() -> None:
    page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    plays = [
        play
        for file in (ROOT / "playbooks").glob("*.yml")
        for play in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]
    phases = {tag for play in plays for tag in play.get("tags", ())}
    shown = re.findall(r"^✔ (\w+) ", page, re.MULTILINE)
    assert len(shown) > 10
    assert [name for name in shown if name not in phases] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target, anchor in LINK.findall(text(name)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path = ((ROOT / name).parent / target).resolve() if target else ROOT / name
        assert path.exists(), f"{name} links to {target}, which is not there"
        if anchor:
            page = str(path.relative_to(ROOT))
            assert anchor in anchors(page), f"{name} links to {target}#{anchor}; {page} has no such heading"


@pytest.mark.parametrize("name", [page for page in PAGES if page != "CHANGELOG.md"])
def test_paths_that_are_named_exist(name: str) -> None:
    for path in re.findall(r"`([\w.-]+/[\w./*…<>{}-]+)`", text(name)):
        if NOT_TRACKED.search(path):
            continue
        if path.split("/")[0] in FOLDERS:
            beside = (ROOT / name).parent / path
            assert (ROOT / path).exists() or beside.exists(), f"{name} names {path}, which is not there"
        elif path.endswith((".py", ".yml", ".json")):
            # Of a package that the text is about.
            assert any(one.endswith(f"/{path}") for one in TRACKED), (
                f"{name} names {path}, which is not there"
            )


@pytest.mark.parametrize("name", PAGES)
def test_lists_are_read_alike_everywhere(name: str) -> None:
    """GitHub takes what belongs to a list's item at three spaces, the site at four."""
    lines = ["", *FENCE.sub("", (ROOT / name).read_text(encoding="utf-8")).splitlines()]
    for before, line in pairwise(lines):
        inner = re.match(r" {1,3}(?! )", line) and (not before or re.match(r" *(```|\|)", line))
        assert not inner, f"{name}: four spaces: {line}"
        item = re.match(r"(?:[-*]|\d+\.) ", line)
        assert not (item and re.match(r"[^\s#|*\d<-]| {4}", before)), f"{name}: an empty line before: {line}"


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for name in PAGES:
        if name == "CHANGELOG.md":
            continue
        page = (ROOT / name).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^\$ )make ([a-z][a-z-]+)", page, re.MULTILINE))
        assert named - targets == set(), f"{name} names targets that make does not have"


def test_contributing_has_a_line_for_each_folder() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = {name for name in FOLDERS if not name.startswith(".")}
    assert [name for name in sorted(folders) if f"| `{name}/` |" not in page] == []


def test_variables_that_are_named_exist() -> None:
    known = set(described(ROOT / "roles"))
    roles = tuple(f"{path.name}_" for path in (ROOT / "roles").iterdir())
    for name in PAGES:
        if not name.startswith("docs/") or name == "docs/reference/modules.md":
            continue
        quoted = re.findall(r"`([a-z]+_[a-z_]+)(?:[:=][^`]*)?`", text(name))
        named = {one for one in quoted if one.startswith((*roles, "platform_", "migrate_"))}
        assert named - known - {path.stem for path in (ROOT / "library").glob("*.py")} == set(), name


def test_the_changelog_has_the_version_and_known_kinds() -> None:
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest, *_ = re.findall(r"^## (\d\S+) \(\d{4}-\d\d-\d\d\)$", page, re.MULTILINE)
    assert newest == version
    kinds = set(re.findall(r"^### (.*)$", page, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Fixed", "Removed", "Security"}
    # What a merge has cut in two: an item's first line without its dash, or the same line twice.
    assert re.findall(r"^ (?! ).*$", page, re.MULTILINE) == []
    lines = [line for line in page.splitlines() if line.startswith("- ")]
    assert [line for line in set(lines) if lines.count(line) > 1] == []


def test_the_execution_environment_has_what_the_playbooks_need() -> None:
    wanted = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))
    assert wanted["version"] == 3
    files = {one["src"]: one["dest"] for one in wanted["additional_build_files"]}
    assert {"requirements.lock", "pyproject.toml", "README.md", "engines"} <= set(files)
    assert all((ROOT / one).exists() for one in files)
    steps = "\n".join(wanted["additional_build_steps"]["append_base"])
    assert "--require-hashes" in steps
    assert "install --no-cache-dir --no-deps --no-build-isolation /opt/bmii" in steps


def test_files_that_engines_read_are_installed_with_them() -> None:
    data = {name for name in TRACKED if re.match(r"(engines|rehearsal)/.*\.(json|yml|sh)$", name)}
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert data
    assert '"*" = ["*.json", "*.yml"]' in settings
    others = {name for name in data if name.endswith(".sh")}
    assert all(name.startswith("rehearsal/docker/images/") for name in others)


def test_the_changelog_has_each_heading_and_each_line_once_in_a_version() -> None:
    """A merge that keeps both sides of what was one line leaves it there twice."""
    for version in re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)[1:]:
        name, _, body = version.partition("\n")
        lines = [line for line in body.splitlines() if line.strip()]
        twice = {line for line in lines if lines.count(line) > 1}
        assert not twice, f"{name}: {sorted(twice)}"
        # One that is empty between two lines of a list shows where something was put together.
        assert not re.search(r"^(?:- |  ).*\n\n- ", body, re.MULTILINE), (
            f"{name}: an empty line inside a list"
        )
