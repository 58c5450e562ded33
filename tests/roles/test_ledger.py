"""Real ``ansible-playbook`` processes that meet at one ledger."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engines.ledger import apply, lock
from engines.ledger.apply import Opening
from engines.ledger.store import Store
from engines.runs import processes
from engines.runs.owner import Owner

ROOT = Path(__file__).parents[2]
ELSEWHERE = Owner("ada", "another-host", 4711, 1, "boot", "pid:[1]")
# Two phases with work between them that lasts until a file appears, in a module's own process.
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    first_outputs: {handed_on: 1}
    ledger_phase: "{{ item }}"
  environment: "{{ aws }}"
  tasks:
    - ansible.builtin.include_role:
        name: ledger
        tasks_from: phase
      loop: "{{ phases }}"
"""
WORK = """
- name: "Work in {{ ledger_phase }}"
  ansible.builtin.wait_for:
    path: "{{ go }}"
    sleep: 1
  when: go | length > 0
- name: Fail when asked to
  ansible.builtin.assert:
    that: ledger_phase != failing
"""


@dataclass
class Project:
    """A folder with a playbook of phases called ``first`` and ``second``, and the ledger it runs under."""

    folder: Path
    store: Store
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *phases: str, go: str = "", **variables: object) -> list[str]:
        values = {"phases": phases, "go": go, "failing": "", "ledger_bucket": self.store.bucket, "aws": {}}
        extra = json.dumps({**values, **variables})
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return [program, "-i", "localhost,", str(self.folder / "play.yml"), "-e", extra]

    def start(self, *phases: str, **variables: object) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            self.command(*phases, **variables),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(run)
        return run

    def run(self, *phases: str, **variables: object) -> tuple[int, str]:
        run = self.start(*phases, **variables)
        output, _ = run.communicate(timeout=200)
        return run.returncode, flat(output)

    def lock(self) -> lock.Lock:
        held = lock.Lock.from_document(self.store.read(lock.LOCK_KEY))
        assert held is not None
        return held


@pytest.fixture
def project(aws, tmp_path: Path):
    for phase in ("first", "second"):
        tasks = tmp_path / "roles" / phase / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text(WORK, encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": f"{tmp_path / 'roles'}:{ROOT / 'roles'}",
    }
    project = Project(tmp_path, Store(f"state-{uuid.uuid4().hex[:8]}"), environment)
    yield project
    for run in project.started:
        run.kill()
        run.wait()
        if run.stdout is not None:
            run.stdout.close()


def flat(output: str) -> str:
    """The output without Ansible's line breaks and colours."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", output))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in four minutes"
        time.sleep(0.2)


def working(project: Project) -> Callable[[], object]:
    """Whether a module of the run that holds the lock is at work."""

    def check() -> object:
        held = lock.Lock.from_document(project.store.read(lock.LOCK_KEY))
        return held is not None and held.held and processes.workers_of(held.run_id)

    return check


def test_of_eight_runs_one_works_and_seven_are_refused_with_owner_and_age(project: Project) -> None:
    go = project.folder / "go"
    runs = [project.start("first", "second", go=str(go)) for _ in range(8)]
    wait_until(lambda: sum(run.poll() is not None for run in runs) >= 7)
    winner = next(run for run in runs if run.poll() is None)
    held = project.lock()
    assert held.owner.pid == winner.pid, "the winner is not the run that works"
    go.touch()
    outputs = {run.pid: flat(run.communicate(timeout=200)[0]) for run in runs}
    assert [run.returncode for run in runs].count(0) == 1, outputs
    refused = [outputs[run.pid] for run in runs if run is not winner]
    expected = rf"run {held.run_id} of {held.owner.name} \(process {winner.pid}\) has held the lock for \d+ s"
    assert all(re.search(expected, output) for output in refused), refused
    assert set(apply.read(project.store).phases) == {"first", "second"}
    assert len(project.store.newest("runs/", 10)) == 1, "a run that was refused has written"


def test_a_failure_gives_the_lock_back_and_keeps_the_first_message(project: Project) -> None:
    code, output = project.run("first", "second", failing="first")
    assert code != 0
    assert "Assertion failed" in output
    assert not project.lock().held
    journal = project.store.newest("runs/", 1)[0].body
    assert (journal["outcome"], list(journal["phases"])) == ("failed", ["first"])
    assert project.run("first")[0] == 0


def test_an_interrupt_from_the_keyboard_gives_the_lock_back(project: Project) -> None:
    run = project.start("first", go=str(project.folder / "never"))
    wait_until(working(project))
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=100)
    wait_until(lambda: not project.lock().held)
    assert project.store.newest("runs/", 1)[0].body["outcome"] == "interrupted"


def test_after_its_main_process_was_killed_the_run_s_workers_are_not_run_beside(project: Project) -> None:
    go = project.folder / "go"
    killed = project.start("first", go=str(go))
    wait_until(working(project))
    killed.kill()
    killed.communicate()
    first = project.lock()
    workers = processes.workers_of(first.run_id)
    assert workers, "Ansible's workers end with its main process: this test has lost its reason"
    code, output = project.run("first", ledger_wait=0)
    assert code != 0
    assert f"run {first.run_id} of" in output
    assert re.search(r"was killed, but what it started still works \(processes [\d ]+\)", output)
    again = project.start("first", ledger_wait=100)
    time.sleep(3)
    assert again.poll() is None
    go.touch()
    output, _ = again.communicate(timeout=200)
    assert again.returncode == 0, output
    assert project.store.read(f"runs/{first.run_id}.json").body["outcome"] == "interrupted"


def test_a_run_that_was_suspended_beyond_its_lease_stops_at_its_next_step(project: Project) -> None:
    go = project.folder / "go"
    old = project.start("first", "second", go=str(go), ledger_lease=1)
    wait_until(working(project))
    old.send_signal(signal.SIGSTOP)
    first = project.lock()
    wait_until(lambda: project.store.read(lock.LOCK_KEY).age > first.lease + 2)
    apply.open_phase(project.store, Opening("first", "run-2", ELSEWHERE, break_lock=first.run_id))
    before = {key: project.store.read(key).etag for key in ("state.json", "lock.json")}
    go.touch()
    old.send_signal(signal.SIGCONT)
    output = flat(old.communicate(timeout=200)[0])
    assert old.returncode != 0
    assert f"run {first.run_id} has lost the lock to run run-2 of ada@another-host" in output
    assert "Work in second" not in output
    assert {key: project.store.read(key).etag for key in before} == before


def test_a_plan_takes_no_lock_and_makes_no_bucket(project: Project) -> None:
    command = project.command("first", first_outputs={})
    done = subprocess.run(
        [*command, "--check"], env=project.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "changed=1" in done.stdout, "the plan does not tell that the state bucket would be made"
    assert not project.store.exists()


def test_the_play_s_environment_reaches_the_ledger(project: Project, aws) -> None:
    environment = {name: value for name, value in project.environment.items() if not name.startswith("AWS_")}
    command = project.command("first", aws=aws.credentials())
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert project.store.exists()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "This would change production, and nothing was named"),
        ({"ledger_confirmed": "staging"}, "This would change production, and staging was named"),
        (
            {"ledger_confirmed": "production", "ledger_account_id": "123456789012"},
            "the inventory names 123456789012",
        ),
        (
            {"ledger_confirmed": "production", "ledger_unfreeze": "staging"},
            "names staging, but this is production",
        ),
    ],
    ids=["nothing", "another", "account", "unfreeze"],
)
def test_production_is_not_touched_before_its_name_is_given(
    project: Project, variables: dict[str, str], said: str
) -> None:
    code, output = project.run(
        "first", ledger_require_confirmation=True, ledger_environment="production", **variables
    )
    assert code != 0
    assert said in output
    assert not project.store.exists(), "something was made before the refusal"


def test_the_name_of_production_can_be_typed_or_passed(project: Project) -> None:
    variables = {"ledger_require_confirmation": True, "ledger_environment": "production"}
    assert project.run("first", ledger_confirmed="production", **variables)[0] == 0
    code, output = type_into(project, project.command("first", "second", **variables), "production\r")
    assert code == 0, output
    assert output.count("Type its name to continue") == 1, "it asks once in a run"
    code, output = type_into(project, project.command("first", **variables), "prod\r")
    assert code != 0
    assert "This would change production, and prod was named" in output


def test_a_plan_of_production_asks_nothing(project: Project) -> None:
    command = project.command("first", ledger_require_confirmation=True, ledger_environment="production")
    code, output = type_into(project, [*command, "--check"], "")
    assert code == 0, output
    assert "Type its name" not in output
    assert not project.store.exists()


def test_without_a_terminal_nobody_is_waited_for(project: Project) -> None:
    command = project.command("first", ledger_require_confirmation=True, ledger_environment="production")
    # As a pipeline has it: an input that never ends and that nobody writes to.
    with subprocess.Popen(
        command, env=project.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        output = flat(run.stdout.read())
        assert run.wait(timeout=60) != 0
    assert "This would change production, and nothing was named" in output
    assert "or pass it: -e ledger_confirmed=NAME" in output
    assert not project.store.exists()


def type_into(project: Project, command: list[str], answer: str) -> tuple[int, str]:
    """Run a command on a terminal, type ``answer`` when it asks; return how it ended and what it printed."""
    terminal, theirs = pty.openpty()
    # It asks only at the terminal that its session belongs to.
    command = ["setsid", "--ctty", "--wait", *command]
    run = subprocess.Popen(command, env=project.environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    with suppress(OSError):  # what a terminal answers once nobody writes to it any more
        while True:
            if select.select([terminal], [], [], 0.5)[0]:
                printed += os.read(terminal, 4096)
            elif b"Type its name" in printed and not termios.tcgetattr(terminal)[3] & termios.ICANON:
                # What was typed before it begins to read is dropped, which it does after it has asked: it is
                # typed again as long as an answer is waited for.
                os.write(terminal, answer.encode())
    os.close(terminal)
    return run.wait(), flat(printed.decode())


def test_users_data_are_not_thawed_by_a_variable_of_the_phase(project: Project) -> None:
    ledger_state = {"phases": {}, "live_since": "2026-11-22T00:00:00Z", "token": 0}
    project.run("first")
    document = project.store.read("state.json")
    project.store.write("state.json", {**document.body, **ledger_state}, replacing=document)
    for thawed in (False, "false"):  # a variable on a command line is a string
        code, output = project.run("first", first_frozen=thawed, ledger_environment="staging")
        assert code != 0
        assert "pass -e ledger_unfreeze=staging instead" in output
    assert (
        project.run("first", ledger_environment="staging", ledger_unfreeze="staging", first_frozen=False)[0]
        == 0
    )
    assert project.store.newest("runs/", 1)[0].body["unfrozen"] is True
