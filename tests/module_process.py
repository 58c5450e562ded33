"""A module of ours in a process of its own, which is forked from one that has loaded all it needs.

Loading Ansible, boto3 and the engines takes longer than what most modules do in a test.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.loaded_modules"])


def start(
    name: str,
    arguments: Mapping[str, Any],
    environment: Mapping[str, str],
    output: Path,
    errors: Path | None = None,
):
    """Start a module as Ansible does; what it prints is appended to ``output``, to ``errors`` if given."""
    given = (name, dict(arguments), dict(environment), Path.cwd(), output, errors or output)
    process = _FORKING.Process(target=_run, args=given)
    process.start()
    return process


def _run(name, arguments, environment, *places):
    from ansible.module_utils.testing import patch_module_args  # noqa: PLC0415 - loaded by the process that forks alone

    from tests import loaded_modules  # noqa: PLC0415 - it imports every module

    folder, output, errors = places
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it was that of the process we come from
    for stream, path in ((1, output), (2, errors)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), stream)
    with patch_module_args(arguments):
        loaded_modules.MODULES[name].main()
