"""A module that runs in Ansible's own worker is the module: same answer, same check mode, same secrecy."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.stack import free_stack_ports

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path for path in (ROOT / "plugins/action").glob("*.py"))
CANARY = "canary-91c4"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  environment: "{{ aws }}"
  tasks:
    - ssm_secrets:
        path: "{{ path }}"
        parameters:
          - {name: password, value: "{{ canary }}"}
          - {name: url, compose: "pg://u:{password|url}@h/db"}
      register: answer
    - ansible.builtin.copy:
        content: "{{ answer | to_json }}"
        dest: "{{ dest }}"
      check_mode: false
      diff: false
"""


STACK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - local_stack:
        state: "{{ state }}"
        dir: "{{ playbook_dir }}/stack"
        ports: "{{ ports }}"
"""


def _play(folder: Path, *options: str, plugins: bool, **variables: object) -> tuple[dict, str]:
    """Run the module in a playbook; return its answer and everything that was printed."""
    dest = folder / "answer.json"
    done = _run(folder, PLAY, *options, plugins=plugins, dest=str(dest), canary=CANARY, **variables)
    assert done.returncode == 0, done.stdout
    return json.loads(dest.read_text(encoding="utf-8")), done.stdout + done.stderr


def _run(
    folder: Path, play: str, *options: str, plugins: bool = True, **variables: object
) -> subprocess.CompletedProcess[str]:
    (folder / "play.yml").write_text(play, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    if not plugins:
        environment["ANSIBLE_ACTION_PLUGINS"] = str(folder)
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", "localhost,", "-vvvv", *options, str(folder / "play.yml"), "-e", json.dumps(variables)),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_plugin_has_its_module_and_is_the_same_code() -> None:
    assert len(PLUGINS) > 1
    for path in PLUGINS:
        assert (ROOT / "library" / path.name).is_file(), path
        assert path.resolve() == ROOT / "plugins/module_in_worker.py"


@pytest.mark.parametrize("mode", [("--check", "--diff"), ()], ids=["check", "run"])
def test_the_answer_is_the_one_of_a_process_of_its_own(aws, tmp_path: Path, mode: tuple[str, ...]) -> None:
    answers = {}
    for plugins in (True, False):
        path = f"/in-worker/{len(mode)}-{plugins}"
        answer, printed = _play(tmp_path, *mode, plugins=plugins, aws=aws.credentials(), path=path)
        assert answer["changed"]
        before, _, _ = printed.partition("TASK [ansible.builtin.copy]")
        started = f"Using module file {ROOT / 'library/ssm_secrets.py'}" in before
        assert started is not plugins, "the plugin is not used" if plugins else "the plugin is used"
        shown = printed.replace(json.dumps({"canary": CANARY})[1:-1], "")
        assert CANARY not in shown.partition("PLAY [")[2], "a secret was printed"
        answers[plugins] = json.loads(json.dumps(answer).replace(path, "/path"))
    assert answers[True] == answers[False]


@pytest.mark.parametrize(
    ("answer", "here"),
    [({"changed": False}, True), ({"changed": True}, False), ({"changed": False, "failed": True}, False)],
)
def test_where_servers_would_start_the_answer_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, bool], here: bool
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    specification = importlib.util.spec_from_file_location(
        "local_stack_plugin", ROOT / "plugins/action/local_stack.py"
    )
    plugins = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(plugins)
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(plugins, "_main", lambda _, arguments: asked.append(arguments) or answer)
    action = plugins.ActionModule.__new__(plugins.ActionModule)
    action._task = SimpleNamespace(action="local_stack", args={"state": "up"}, check_mode=False)
    action._update_module_args = lambda name, arguments, task_vars: None
    action._compute_environment_string = lambda environment: None
    assert action._run_here({}) == (answer if here else None)
    assert asked == [{"state": "up", "_ansible_check_mode": True}]


def test_what_starts_servers_gets_a_process_of_its_own_where_there_is_something_to_start(
    servers, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {**asdict(free_stack_ports()), "aws": taken.getsockname()[1]}
        for state, own_process in (("down", False), ("up", True)):
            done = _run(tmp_path, STACK, state=state, ports=ports)
            assert (f"Using module file {ROOT / 'library/local_stack.py'}" in done.stdout) is own_process
            assert (f"127.0.0.1:{ports['aws']} is in use" in " ".join(done.stdout.split())) is own_process
            assert done.returncode == (2 if own_process else 0), done.stdout
