"""Everything that an operator does, in an order in which each finds what it needs.

``python -m rehearsal.operator_jobs`` does it in a rehearsal of its own without enforcement, and writes the
calls that were made into engines/policy/recorded.json.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from engines.policy.compose import RECORDED
from rehearsal.process import PROJECT
from rehearsal.recording import Call, Recorder, recording
from rehearsal.servers import ObjectStore
from rehearsal.stack import Ports, StackConfig, free_stack_ports

_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
_CONSENT = "teardown_consent=local"


@dataclass(frozen=True)
class Job:
    """One command. ``fails`` says that it has to, and ``shows`` what it has to say."""

    name: str
    playbook: str
    options: tuple[str, ...] = ()
    fails: bool = False
    shows: str = ""

    def is_as_expected(self, done: Done) -> bool:
        """Say whether it went as it does when everything is allowed."""
        return (done.code != 0) == self.fails and re.search(self.shows, done.output) is not None


@dataclass(frozen=True)
class Done:
    """How a command ended, after how many seconds."""

    code: int
    output: str
    seconds: float


# As in production: what has to be taken off before a teardown.
_PROTECTED = {
    "provision_termination_protection": True,
    "provision_database": {
        "name": "{{ platform_database_name }}",
        "user": "{{ platform_database_user }}",
        "application_user": "{{ platform_database_application }}",
        "instance_identifier": "{{ platform_database_instance }}",
        "deletion_protection": True,
    },
}
_LATER = {**_PROTECTED, "provision_log_retention_days": 60}
_BROKEN = {"deploy_environment": {"APP_ENV": "nonsense"}, "deploy_timeout": 60, "deploy_trial_seconds": 0}
_GONE = ("-e", _CONSENT)


def _with(values: Mapping[str, Any]) -> tuple[str, str]:
    return "-e", json.dumps(values)


JOBS = (
    Job("plan of an empty account", "migrate", ("--check", "--diff")),
    Job("provision", "provision", _with(_PROTECTED)),
    Job("plan with a change set", "provision", ("--check", *_with({**_LATER, "provision_change_set": True}))),
    Job("change the stack", "provision", _with(_LATER)),
    Job("database", "database"),
    Job("storage", "storage"),
    Job("container", "container"),
    Job("container again", "container"),
    Job("deploy", "deploy"),
    Job("deploy a change", "deploy", ("-e", "platform_memory=4096")),
    Job("deploy what fails", "deploy", _with(_BROKEN), fails=True, shows=r"APP_ENV"),
    Job("roll the service back", "rollback"),
    Job(
        "roll the stack back",
        "rollback",
        ("-e", "rollback_of=infrastructure", "-e", "rollback_consent=local"),
    ),
    Job("drift", "drift"),
    Job("verify", "verify", shows=r"(?s)(none\s+otherwise.*){4}"),
    Job("status", "status"),
    Job("teardown that keeps the data", "teardown", _GONE),
    Job("provision over kept buckets", "provision", _with(_PROTECTED)),
    Job(
        "teardown of everything",
        "teardown",
        (*_GONE, "-e", "teardown_data=delete", "-e", "teardown_data_consent=local"),
    ),
)


@dataclass(frozen=True)
class World:
    """A rehearsal in ``folder``, reached through a proxy that may be looked into. ``policy`` enforces one."""

    folder: Path
    ports: Ports
    policy: Path | None = None

    @property
    def config(self) -> StackConfig:
        """Return the stack, as far as clients need it."""
        return StackConfig(self.folder / "stack", self.ports)

    def play(self, playbook: str, *options: str) -> Done:
        """Run a playbook."""
        command = (_PLAYBOOK, f"playbooks/{playbook}.yml", "-e", json.dumps(self._variables()), *options)
        began = monotonic()
        done = subprocess.run(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return Done(done.returncode, done.stdout, round(monotonic() - began, 1))

    def fill(self) -> None:
        """Put objects into the old store that are moved in other ways: a large one, and one with tags."""
        store: ObjectStore = self.config.store
        client = store.client()
        client.put_object(Bucket="raw", Key="tagged", Body=b"tagged", Tagging="a=b")
        client.put_object(Bucket="raw", Key="large", Body=bytes(70 << 20))

    def _variables(self) -> dict[str, Any]:
        names = ("source_postgres", "target_postgres", "service", "aws", "object_store")
        store = ("object_store_master", "object_store_volume", "object_store_filer")
        return {
            "local_stack_ports": {name: getattr(self.ports, name) for name in (*names, *store)},
            "local_stack_dir": str(self.folder / "stack"),
            "platform_work_dir": str(self.folder / "work"),
            "local_stack_operator_policy": str(self.policy or ""),
        }


def through(recorder: Recorder, config: StackConfig) -> tuple[str, ...]:
    """Return the options that lead a playbook through ``recorder``."""
    own = f"provision_alb_url_override={config.aws.endpoint}/_alb/bmii"
    return "-e", f"platform_aws_endpoint={recorder.endpoint}", "-e", own


def general(resource: str) -> str:
    """Return the name of a resource without what differs from one rehearsal to the next."""
    resource = resource.replace(":us-east-1:", ":${Region}:").replace(":*:", ":${Region}:")
    resource = resource.replace("000000000000", "${Account}")
    resource = re.sub(r"(arn:aws:s3:::[^/]+/).+", r"\1*", resource)
    resource = re.sub(r"(stack/bmii|targetgroup/bmii|task/bmii)/.+", r"\1/*", resource)
    resource = re.sub(r"task-definition/bmii(:\d+)?$", "task-definition/bmii:*", resource)
    resource = re.sub(r"snapshot:.+", "snapshot:*", resource)
    return resource.replace("arn:aws:", "arn:${Partition}:")


def summary(calls: Mapping[str, Sequence[Call]], seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return what is kept of the calls of each job: its actions by their first use, and the resources."""
    resources: dict[str, set[str]] = {}
    for call in (call for some in calls.values() for call in some):
        resources.setdefault(call.action, set()).add(general(call.resource))
    return {
        "jobs": {
            name: {"seconds": seconds[name], "actions": list(dict.fromkeys(call.action for call in some))}
            for name, some in calls.items()
        },
        "resources": {action: sorted(resources[action]) for action in sorted(resources)},
    }


def record(world: World) -> dict[str, Any]:
    """Do every job, and return what is kept of it. Raises ``SystemExit`` for one that goes otherwise."""
    calls: dict[str, Sequence[Call]] = {}
    seconds: dict[str, float] = {}
    with recording(world.config.aws.endpoint) as recorder:
        for job in JOBS:
            recorder.forget()
            done = world.play(job.playbook, *through(recorder, world.config), *job.options)
            sys.stdout.write(f"{job.name}: {done.seconds} s, {len(recorder.calls)} calls\n")
            sys.stdout.flush()
            if not job.is_as_expected(done):
                raise SystemExit(done.output[-8000:])
            calls[job.name], seconds[job.name] = tuple(recorder.calls), done.seconds
    return summary(calls, seconds)


def main() -> None:
    """Record in a rehearsal that is taken down again."""
    with tempfile.TemporaryDirectory(prefix="operator-") as folder:
        world = World(Path(folder), free_stack_ports())
        world.play("stack_up")
        try:
            world.fill()
            text = json.dumps(record(world), indent=1)
        finally:
            world.play("stack_down")
    RECORDED.write_text(f"{text}\n", encoding="utf-8")
