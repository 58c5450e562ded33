"""Run the module of this plugin's name in the process that Ansible forks for a task anyway.

A module is usually packed, passed to a shell and started in a Python of its own, which then imports boto3:
about 0.6 s, of which its work is a tenth. Here the same file, with the same arguments, runs where Ansible
and boto3 are loaded already. Nothing else differs: argument checks, check mode, diff and secrets are those
of the module. A task that is to run elsewhere, as somebody else or in the background runs as usual.

Each name in plugins/action that links here has its module in ``library/``. See
docs/decisions/0006-modules-run-in-the-controller.md.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, module_loader, test_loader

from engines import aws
from engines.runs import processes

# Nearly every run asks these.
_SERVICES = ("s3", "sts", "ssm", "cloudformation", "ecs", "ecr", "elbv2")
# What these start outlives the task, so that it belongs to a process of its own. Whether there is anything to
# start is asked here.
_START_SERVERS = ("local_stack",)
# How arguments and results are written, from Ansible to a module and back.
_PROFILE = "legacy"


class ActionModule(ActionBase):
    """The module of the same name, without a process of its own."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returns."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        answer = self._run_here(task_vars) if self._may_run_here() else None
        if answer is None:
            answer = self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val)
        result.update(answer)
        return result

    def _run_here(self, task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return what the module returns; ``None`` where it needs a process of its own."""
        arguments = dict(self._task.args)
        self._update_module_args(self._task.action, arguments, task_vars)
        asks = self._task.action in _START_SERVERS and not self._task.check_mode
        if asks:
            arguments["_ansible_check_mode"] = True
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        path = module_loader.find_plugin(self._task.action)
        with _environment({name: str(value) for name, value in environment.items()}):
            if run_id := os.environ.get(processes.MARK):
                processes.mark_worker(run_id)
            answer = _main(path, arguments)
        return None if asks and (answer.get("changed") or answer.get("failed")) else answer

    def _may_run_here(self) -> bool:
        elsewhere = self._connection.transport != "local" or self._play_context.become or self._task.async_val
        return not elsewhere


def _prepare(name: str) -> None:
    """Load what the module needs once, in Ansible's main process, from which each task's is forked."""
    if path := module_loader.find_plugin(name):
        runpy.run_path(path, run_name=name)
    aws.prepare(*_SERVICES)
    # Ansible looks for all filters and all tests when it comes upon the first, in each process anew.
    filter_loader.get("combine")
    test_loader.get("defined")
    # Else the garbage collector of each process would look at, and so copy, all that it was forked with.
    gc.freeze()


def _main(path: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run the module at ``path`` and return what it printed for Ansible."""
    output = io.StringIO()
    before = basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE
    encoder = get_module_encoder(_PROFILE, Direction.CONTROLLER_TO_MODULE)
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder).encode()
    basic._ANSIBLE_PROFILE = _PROFILE
    try:
        with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
            runpy.run_path(path, run_name="__main__")
    finally:
        basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = before
    answer = json.loads(output.getvalue())
    return dict(answer)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


_prepare(Path(__file__).stem)
