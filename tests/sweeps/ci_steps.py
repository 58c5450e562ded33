"""What CI's workflow runs before its tests works in a fresh clone, as it stands there: `make stress`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHECK = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["check"]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.timeout(3600)
def test_the_steps_of_the_check_pass_in_a_fresh_clone(tmp_path):
    assert PYTHON in CHECK["strategy"]["matrix"]["python"]
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    path = [each for each in os.environ["PATH"].split(os.pathsep) if not each.startswith(str(ROOT))]
    # A run of make in a test of `make test` is no part of that one.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTEST"))
    }
    environment |= {"PATH": os.pathsep.join(path)}
    for step in CHECK["steps"]:
        if "run" in step:
            command = ["bash", "-e", "-c", step["run"].replace("${{ matrix.python }}", PYTHON)]
            done = subprocess.run(
                command, cwd=clone, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
