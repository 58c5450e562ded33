"""Recording which AWS calls each job of the operator makes.

``python -m rehearsal.operator_jobs`` does every job in a rehearsal of its own without enforcement, and writes
the calls into engines/policy/recorded.json.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.policy import RECORDED
from rehearsal.operator_jobs.jobs import JOBS
from rehearsal.operator_jobs.rehearsal import Rehearsal
from rehearsal.recording import Call, Recorder, recording
from rehearsal.stack import free_stack_ports


def through(recorder: Recorder) -> tuple[str, ...]:
    """Return the options that lead a playbook through ``recorder``."""
    return "-e", f"platform_aws_endpoint={recorder.endpoint}"


def general(resource: str) -> str:
    """Return the name of a resource without what differs from one rehearsal to the next."""
    resource = resource.replace(":us-east-1:", ":${Region}:").replace(":*:", ":${Region}:")
    resource = resource.replace("000000000000", "${Account}")
    resource = re.sub(r"(arn:aws:s3:::[^/]+/).+", r"\1*", resource)
    resource = re.sub(r"(stack/bmii|targetgroup/bmii|task/bmii)/.+", r"\1/*", resource)
    resource = re.sub(r"task-definition/bmii(:\d+)?$", "task-definition/bmii:*", resource)
    resource = re.sub(r"snapshot:.+", "snapshot:*", resource)
    resource = re.sub(r"(certificate|hostedzone)/.+", r"\1/*", resource)
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


def record(rehearsal: Rehearsal) -> dict[str, Any]:
    """Do every job, and return what is kept of it. Raises ``SystemExit`` for one that goes otherwise."""
    calls: dict[str, Sequence[Call]] = {}
    seconds: dict[str, float] = {}
    with recording(rehearsal.config.aws.endpoint) as recorder:
        for job in JOBS:
            recorder.forget()
            outcome = rehearsal.play(job.playbook, *through(recorder), *job.options)
            sys.stdout.write(f"{job.name}: {outcome.seconds} s, {len(recorder.calls)} calls\n")
            sys.stdout.flush()
            if not job.is_as_expected(outcome):
                raise SystemExit(outcome.output[-8000:])
            calls[job.name], seconds[job.name] = tuple(recorder.calls), outcome.seconds
    return summary(calls, seconds)


def main() -> None:
    """Record in a rehearsal that is taken down again."""
    with tempfile.TemporaryDirectory(prefix="operator-") as folder:
        rehearsal = Rehearsal(Path(folder), free_stack_ports())
        rehearsal.play("stack_up")
        try:
            rehearsal.fill()
            text = json.dumps(record(rehearsal), indent=1)
        finally:
            rehearsal.play("stack_down")
    RECORDED.write_text(f"{text}\n", encoding="utf-8")
