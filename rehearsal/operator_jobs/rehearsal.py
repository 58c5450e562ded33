"""A rehearsal of its own for the operator's jobs: playbooks run in it, through a proxy if asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from rehearsal.operator_jobs.jobs import Outcome
from rehearsal.process import PROJECT
from rehearsal.servers import ObjectStore
from rehearsal.stack import Ports, StackConfig

_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal in ``folder``, reached through an optional recording proxy. ``policy`` enforces one."""

    folder: Path
    ports: Ports
    policy: Path | None = None

    @property
    def config(self) -> StackConfig:
        """Return the stack, as far as clients need it."""
        return StackConfig(self.folder / "stack", self.ports)

    def play(self, playbook: str, *options: str) -> Outcome:
        """Run a playbook."""
        command = (_PLAYBOOK, f"playbooks/{playbook}.yml", "-e", json.dumps(self._variables()), *options)
        began = monotonic()
        done = subprocess.run(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return Outcome(done.returncode, done.stdout, round(monotonic() - began, 1))

    def fill(self) -> None:
        """Put objects into the source store that are moved in other ways: a large one, and one with tags."""
        store: ObjectStore = self.config.store
        client = store.client()
        client.put_object(Bucket="raw", Key="tagged", Body=b"tagged", Tagging="a=b")
        client.put_object(Bucket="raw", Key="large", Body=bytes(70 << 20))

    def _variables(self) -> dict[str, Any]:
        names = ("source_postgres", "target_postgres", "service", "aws", "aws_tls", "object_store")
        store = ("object_store_master", "object_store_volume", "object_store_filer")
        return {
            "local_stack_ports": {name: getattr(self.ports, name) for name in (*names, *store)},
            "local_stack_dir": str(self.folder / "stack"),
            "platform_work_dir": str(self.folder / "work"),
            "local_stack_operator_policy": str(self.policy or ""),
        }
