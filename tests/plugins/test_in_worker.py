"""A module that runs in Ansible's own worker is the module: same answer, same check mode, same secrecy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def _play(folder: Path, *options: str, plugins: bool, **variables: object) -> tuple[dict, str]:
    """Run the module in a playbook; return its answer and everything that was printed."""
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    dest = folder / "answer.json"
    values = {"dest": str(dest), "canary": CANARY, **variables}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    if not plugins:
        environment["ANSIBLE_ACTION_PLUGINS"] = str(folder)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", "localhost,", "-vvvv", *options, str(folder / "play.yml"), "-e", json.dumps(values)),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return json.loads(dest.read_text(encoding="utf-8")), done.stdout + done.stderr


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
