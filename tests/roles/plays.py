"""Running a play as a user does, and what it said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]


class Played(NamedTuple):
    """The output as it came, and how many tasks changed something or failed."""

    output: str
    changed: int
    failed: int

    @property
    def unwrapped(self) -> tuple[str, int, int]:
        """The same, with the output on one line, however it was broken."""
        return " ".join(self.output.split()), self.changed, self.failed


def play(
    folder: Path, variables: Mapping[str, Any], arguments: Sequence[str], environment: Mapping[str, str]
) -> Played:
    """Run ``play.yml`` of the folder on this machine."""
    variables = {"ansible_python_interpreter": sys.executable, **variables}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "-i", "localhost,", "play.yml", "-e", json.dumps(variables), *arguments],
        cwd=folder,
        env={**environment, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    recap = re.search(r"changed=(\d+).*failed=(\d+)", text)
    assert recap, text
    return Played(text, int(recap[1]), int(recap[2]))
