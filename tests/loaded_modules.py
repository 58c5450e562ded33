"""Every module of ours, loaded: for a process from which others are forked (``module_process``)."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[1] / "library"
# What engines load late, or not before it is needed.
for late in ("ansible.module_utils.testing", "boto3", "botocore.session", "botocore.httpsession", "psycopg"):
    importlib.import_module(late)


def _loaded(name: str) -> Any:
    specification = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MODULES = {path.stem: _loaded(path.stem) for path in sorted(LIBRARY.glob("*.py"))}
