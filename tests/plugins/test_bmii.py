"""The callback that people see, through ansible-playbook."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engines.display.replay import screen

ROOT = Path(__file__).parents[2]
PROGRAM = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml"]
HEAD = (
    "- name: {0}\n  hosts: localhost\n  connection: local\n  gather_facts: false\n  tags: [{0}]\n  tasks:\n"
)


def play(folder: Path, *plays: tuple[str, str]) -> None:
    """Write a playbook of plays, each a name and its tasks."""
    (folder / "play.yml").write_text(
        "".join(HEAD.format(name) + tasks for name, tasks in plays), encoding="utf-8"
    )


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    foreign = ("ANSIBLE", "BMII", "GITHUB")
    base = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {
        **base,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "BMII_LOG_DIR": str(folder / "log"),
        **more,
    }


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


ONE = "    - name: Look\n      ansible.builtin.debug:\n        msg: [a table, of two lines]\n"
CHANGE = '    - name: Change\n      ansible.builtin.command: "true"\n      changed_when: true\n'
FAIL = "    - name: Refuse\n      ansible.builtin.fail:\n        msg: this is why\n"
SECRET = (
    "    - name: Fail in secret\n      ansible.builtin.fail:\n        msg: canary-77\n      no_log: true\n"
)
RESCUED = """\
    - name: Try
      block:
        - name: Fail first
          ansible.builtin.fail:
            msg: first
      rescue:
        - name: Tell
          ansible.builtin.debug:
            msg: repaired
"""


def test_phases_are_lines_and_the_rest_is_in_the_log(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE + CHANGE), ("second", ONE))
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.match(r"✔ first +1 change ", lines[0])
    assert re.match(r"✔ second +nothing to change ", lines[1])
    assert "a table" not in done.stdout
    assert re.search(r"^localhost +: ok=3 +changed=1 ", done.stdout, re.MULTILINE)
    assert "DONE" in done.stdout
    (log,) = (tmp_path / "log").glob("*.log")
    assert "of two lines" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o777 == 0o600


def test_of_one_phase_everything_is_shown(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE))
    assert "a table\nof two lines\n" in run(tmp_path).stdout


def test_a_failure_is_reported_once(tmp_path: Path) -> None:
    play(tmp_path, ("first", FAIL), ("second", ONE))
    done = run(tmp_path)
    assert done.returncode == 2
    text = done.stdout + done.stderr
    assert text.count("this is why") == 1
    assert re.search(r"where +phase first, play.yml:7", text)
    assert re.search(r"log +log/.*\.log", text)
    assert "ansible-playbook -i localhost, play.yml" in " ".join(text.split())


def test_what_no_log_hides_is_nowhere(tmp_path: Path) -> None:
    play(tmp_path, ("first", SECRET))
    done = run(tmp_path)
    kept = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "log").glob("*"))
    assert "canary-77" not in done.stdout + done.stderr + kept
    assert "no_log" in done.stdout


def test_a_failure_that_is_rescued_is_none(tmp_path: Path) -> None:
    play(tmp_path, ("first", RESCUED))
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Failed" not in done.stdout
    assert "repaired" in done.stdout


def test_verbose_is_ansibles_own_output_and_the_verdict(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE + CHANGE))
    text = run(tmp_path, "-v").stdout
    assert "TASK [Look]" in text
    assert "PLAY RECAP" in text
    assert text.count("changed=1 ") == 1
    assert "DONE" in text


def test_another_callback_works(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE))
    text = run(tmp_path, ANSIBLE_STDOUT_CALLBACK="minimal").stdout
    assert "localhost | SUCCESS" in text
    assert "NOTHING TO DO" not in text


def test_a_broken_display_is_reported_and_ends_nothing(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE + CHANGE))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import engines.display as display\n"
        "def facts(*_): raise ValueError('out of ink')\n"
        "display.facts = facts\n",
        encoding="utf-8",
    )
    done = run(tmp_path, PYTHONPATH=f"{broken}:{ROOT}")
    assert done.returncode == 0, done.stdout + done.stderr
    text = " ".join((done.stdout + done.stderr).split())
    assert text.count("The display of the run has failed (ValueError: out of ink)") == 1
    assert "changed: [localhost]" in text
    assert "PLAY RECAP" in text


def test_without_the_project_ansibles_own_output_is_shown(tmp_path: Path) -> None:
    play(tmp_path, ("first", ONE))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['engines'] = None\n", encoding="utf-8")
    done = run(tmp_path, PYTHONPATH=str(hidden))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PLAY RECAP" in done.stdout


@pytest.mark.parametrize("wanted", ["INTERRUPTED", "goes on where this run was cut off"])
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, wanted: str) -> None:
    play(tmp_path, ("first", '    - name: Wait long\n      ansible.builtin.command: "sleep 60"\n'))
    text = _on_a_terminal(tmp_path)
    assert wanted in " ".join(text.replace("│", " ").split())
    assert "Wait long" not in text, "what was drawn is removed"


def test_a_question_that_is_not_asked_keeps_nothing_from_being_drawn(tmp_path: Path) -> None:
    asks = "    - name: Ask\n      ansible.builtin.pause:\n        prompt: Why\n      when: false\n"
    play(tmp_path, ("first", asks + '    - name: Wait long\n      ansible.builtin.command: "sleep 60"\n'))
    assert "INTERRUPTED" in _on_a_terminal(tmp_path), "the task was never drawn"


def _on_a_terminal(folder: Path) -> str:
    """Run in a terminal, press Ctrl-C when the task is drawn, and return what is shown at the end."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(folder)
        os.execve(  # noqa: S606 - in the child of a terminal
            PROGRAM[0], PROGRAM, {**environment(folder), "TERM": "xterm"}
        )
    text, pressed, ends = "", False, time.monotonic() + 100
    while time.monotonic() < ends:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        text += data.decode(errors="replace")
        if "Wait long" in text and not pressed:
            pressed = True
            os.write(terminal, b"\x03")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(pid, 0)
    return screen(re.sub(r"\x1b\[\?\d+[hl]", "", text))


# A temporary folder of 64 KiB, of which a page is free: Python takes it, and a module does not fit.
FULL = """
mount -t tmpfs -o size=64k tmpfs "$TMPDIR" || exit 77
head -c 48k /dev/zero >"$TMPDIR/filled"
exec "$@"
"""


def test_a_full_temporary_folder_is_reported_as_such(tmp_path):
    play(tmp_path, ("copy", "    - name: Write\n      ansible.builtin.tempfile:\n        state: file\n"))
    (tmp_path / "small").mkdir()
    full = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", FULL, "sh")
    done = subprocess.run(
        [*full, *PROGRAM],
        cwd=tmp_path,
        env=environment(tmp_path, TMPDIR=str(tmp_path / "small")),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode in {1, 77} and "Failed" not in done.stdout:
        pytest.skip("this machine lets nobody mount a folder of his own")
    # Lines are wrapped, in the middle of a path that is longer than one.
    text = "".join(done.stdout.split())
    assert f"temporaryfolder{tmp_path / 'small'}" in text
    assert "noroomleft" in text
    assert "deserialization" not in text
