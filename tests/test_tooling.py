"""What a contributor types, what git runs for them and what CI runs are the same, and say so."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import stress

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE))
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def steps() -> list[str]:
    return [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_help_shows_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE)) == TARGETS


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    used = re.findall(r"uses: (.*)", WORKFLOW)
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


@pytest.mark.parametrize("run", steps())
def test_a_step_of_ci_is_a_make_target_or_prepares_the_machine(run: str) -> None:
    if not run.startswith(("apt-get update &&", "git config --global")):
        command, *targets = [word for word in run.partition(" PYTHON=")[0].split() if "=" not in word]
        assert command == "make"
        assert set(targets) <= TARGETS


def test_ci_runs_what_the_readme_names() -> None:
    assert {"make setup", "make check", "make test"} <= {re.sub(r" PYTHON=.*", "", run) for run in steps()}
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_all_places_name_the_same_pythons() -> None:
    assert JOBS["check"]["strategy"]["matrix"]["python"] == PYTHONS
    for project in ("pyproject.toml", "service/pyproject.toml"):
        read = tomllib.loads((ROOT / project).read_text(encoding="utf-8"))
        assert read["project"]["requires-python"] == ">=3.11,<3.15"
    for script in ("scripts/find-python", "scripts/setup"):
        assert "(3, 11) <= sys.version_info[:2] <= (3, 14)" in (ROOT / script).read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_a_program_of_the_environment_or_a_make_target(hook: dict[str, Any]) -> None:
    program, *words = hook["entry"].split()
    if hook["language"] == "system" and program == "make":
        assert set(words) <= TARGETS
    elif hook["language"] == "system":
        assert program.startswith(".venv/bin/")
        assert (Path(sys.prefix) / "bin" / Path(program).name).exists()


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("postgres: move session modules into a room", True),
        ("make, docs: say what each stage has cost\n\nThe reason.\n", True),
        ("Update things", False),
        (f"tests: {'x' * 66}", False),
        ("tests: short\n\nfix: a colon in the body", True),
        ("no area\n\nfix: a colon in the body", False),
    ],
)
def test_a_commit_has_an_area_and_a_subject_that_fits(subject: str, allowed: bool) -> None:
    [pattern] = [hook["entry"] for hook in HOOKS if hook["id"] == "subject"]
    # As pre-commit compiles it: over the whole message.
    assert bool(re.search(pattern, subject, re.MULTILINE | re.DOTALL)) == allowed


def test_every_scenario_of_molecule_is_run() -> None:
    [named] = re.findall(
        r"^scenarios=\((.*)\)$", (ROOT / "scripts/molecule").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(named.split()) == sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


LISTEN = """
import socket, subprocess, sys
from tests import no_servers
no_servers.forbid()
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    try:
        one.listen()
    except PermissionError:
        server = [sys.executable, "-m", "http.server", "0"]
        sys.exit(subprocess.run(server, check=False, timeout=20).returncode)
"""


def test_a_test_without_servers_cannot_start_one_itself_or_by_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTEN], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "PermissionError" in done.stderr


def test_a_sample_keeps_the_order_and_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stress, "STRESS", False)
    chosen = stress.some(range(100), 5)
    assert len(chosen) == 5
    assert chosen == sorted(chosen) == stress.some(range(100), 5)
    monkeypatch.setattr(stress, "STRESS", True)
    assert stress.some(range(100), 5) == list(range(100))
    assert stress.size(sample=1, full=9) == 9


def test_stages_go_on_after_a_failure_and_report_what_each_has_cost(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("good:\n\t@echo fine\nbad:\n\t@echo what is wrong; false\n", "utf-8")
    command = [sys.executable, ROOT / "scripts/stages", "bad good"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "what is wrong" in done.stdout
    table = done.stdout.partition("== Stages")[2]
    assert re.search(r"bad +FAILED +0:00 min +\d+ s of CPU", table)
    assert re.search(r"good +passed", table)
    assert (tmp_path / ".cache/stages/good.log").read_text("utf-8") == "fine\n"


def test_what_follows_then_waits_for_every_lane_before_it(tmp_path: Path) -> None:
    rules = "slow:\n\t@sleep 0.5; echo slow >> order\nquick last:\n\t@echo $@ >> order\n"
    (tmp_path / "Makefile").write_text(rules, "utf-8")
    command = [sys.executable, ROOT / "scripts/stages", "slow", "quick", "then", "last"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "order").read_text("utf-8").split() == ["quick", "slow", "last"]
