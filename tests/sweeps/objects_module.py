"""A module of ours in a process of its own, which is forked from one that has loaded all it needs."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

LIBRARY = Path(__file__).parents[2] / "library"


def _loaded(name: str) -> Any:
    specification = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MODULES = {name: _loaded(name) for name in ("s3_mirror", "s3_compare")}


def run(name: str, arguments: Mapping[str, Any], environment: Mapping[str, str], output: Path) -> None:
    """Run a module as Ansible does; all that it prints goes to ``output``."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it was that of the process we come from
    with output.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    with patch_module_args(dict(arguments)):
        MODULES[name].main()
