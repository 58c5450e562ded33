"""What is recorded of the process that runs a migration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engines.runs.owner import Owner, _program, without_values


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("migrate.yml -e password=x", "migrate.yml -e password=…"),
        ("-epassword=x -Ce password=x", "-epassword=… -Ce password=…"),
        ("--extra-vars=password=x --extra password=x", "--extra-vars=password=… --extra password=…"),
        ('-e {"password":"x"} --check', "-e … --check"),
        ("-e @file.yml -i inventories/production", "-e @file.yml -i inventories/production"),
        ("--tags database migrate.yml", "--tags database migrate.yml"),
    ],
)
def test_a_value_of_a_variable_is_not_recorded(typed: str, kept: str) -> None:
    assert " ".join(without_values(typed.split())) == kept


def test_a_list_of_variables_shows_its_first_name_alone() -> None:
    assert list(without_values(["-e", "a='x y=secret' b=secret"])) == ["-e", "a=…"]


@pytest.mark.parametrize("name", ["ansible-playbook", "another-name"])
def test_the_owner_of_a_worker_is_the_process_that_it_was_forked_from(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text(
        """
import os
from engines.runs import Owner
print(os.getpid(), flush=True)
if os.fork() == 0:  # a worker
    print(Owner.of_this_run().pid, flush=True)
    os._exit(0)
os.wait()
""",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    program_pid, owner_pid = done.stdout.split()
    assert owner_pid == program_pid


def test_the_owner_is_the_playbook_and_not_the_shell_or_the_worker_between(tmp_path: Path) -> None:
    """``bash -c`` may start several, one after the other or at once: each is a run of its own."""
    playbook = tmp_path / "ansible-playbook"
    playbook.write_text(
        f"""#!{sys.executable}
import os, subprocess
print(os.getpid(), flush=True)
if os.fork() == 0:  # a worker
    ask = "from engines.runs import Owner; print(Owner.of_this_run().pid)"
    command = ["/bin/sh", "-c", "$0 -c '" + ask + "'; true", "{sys.executable}"]
    os._exit(subprocess.run(command).returncode)
os.wait()
""",
        encoding="utf-8",
    )
    playbook.chmod(0o755)
    shell = shutil.which("bash") or "sh"
    done = subprocess.run(
        [shell, "-c", f"{playbook} migrate.yml; true"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    playbook_pid, owner_pid = done.stdout.split()
    assert owner_pid == playbook_pid


def test_the_command_is_as_it_was_typed(process) -> None:
    assert process().owner.command.startswith("python")
    assert _program(["/usr/bin/python3.11", "/opt/venv/bin/ansible-playbook", "migrate.yml"]) == [
        "ansible-playbook",
        "migrate.yml",
    ]


def test_without_a_playbook_it_is_the_process_itself() -> None:
    owner = Owner.of_this_run()
    assert owner.pid == os.getpid()
    assert not owner.is_known_dead()
    assert Owner.from_dict(owner.to_dict()) == owner
