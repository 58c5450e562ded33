"""Tells of each resource while CloudFormation works, which takes AWS many minutes of silence.

A small process of its own: the module that applies the stack is not ours, and says nothing until it has
ended. It reads events and emits them; it ends with the stack's work, or with the run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import takewhile
from typing import Any

from engines.events import EVENTS, SCREEN, Emit, emit
from engines.runs import Owner, processes

# Seconds between two looks, and until a stack that does not begin is given up.
_EVERY, _BEGINS = 3.0, 120.0
_TYPE = "AWS::CloudFormation::Stack"

Event = Mapping[str, Any]


def start(name: str, region: str, owner: Owner) -> bool:
    """Start following a stack for a run; False where nobody would hear of it."""
    if not (os.environ.get(SCREEN) or os.environ.get(EVENTS)):
        return False
    # Without the mark of a worker: nobody has to wait for it.
    environment = {key: value for key, value in os.environ.items() if key != processes.MARK}
    # What there is by now is no news. It is asked here: the process takes a moment, and the stack may not.
    latest = next((str(one["EventId"]) for one in _read(name, region)), "")
    files = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    # Not by the module's name: that would load all that knows of stacks.
    command = [sys.executable, "-P", __file__, name, region, latest, json.dumps(owner.to_dict())]
    # What only tells must not end what is told of.
    with suppress(OSError):
        os.posix_spawn(sys.executable, command, environment, file_actions=files, setsid=True)
        return True
    return False


def follow(
    events: Callable[[], Iterator[Event]],
    latest: str,
    lives: Callable[[], bool],
    report: Emit = emit,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Emit ``stack.event`` for what is new in ``events`` (the latest first), until the stack has ended.

    What is as old as the event with the id ``latest`` is not new.
    ``lives`` returns whether there is somebody to tell.
    """
    begun, waited = False, 0.0
    while lives() and (begun or waited < _BEGINS):
        pause(_EVERY)
        waited += _EVERY
        for one in reversed(_until(latest, events())):
            latest = str(one["EventId"])
            _report(one, report)
            if one["ResourceType"] == _TYPE:
                begun = str(one["ResourceStatus"]).endswith("_IN_PROGRESS")
                if not begun:
                    return


def _until(latest: str, events: Iterator[Event]) -> list[Event]:
    return list(takewhile(lambda one: str(one["EventId"]) != latest, events))


def _report(event: Event, report: Emit) -> None:
    report(
        "stack.event",
        status=event["ResourceStatus"],
        resource=event["LogicalResourceId"],
        type=str(event["ResourceType"]).removeprefix("AWS::"),
        reason=event.get("ResourceStatusReason", "") if "FAILED" in event["ResourceStatus"] else "",
    )


def _read(name: str, region: str) -> Iterator[Event]:
    """Yield the latest events of a stack, the latest first; none while there is no stack."""
    from engines import aws  # noqa: PLC0415 - only the process that follows needs boto3

    try:
        with aws.translated(f"stack {name}"):
            yield from aws.client("cloudformation", region_name=region or None).describe_stack_events(
                StackName=name
            )["StackEvents"]
    except aws.AwsError:
        return


def main(name: str, region: str, latest: str, run: str) -> None:
    """Follow a stack while the run lives."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    owner = Owner.from_dict(json.loads(run))
    follow(lambda: _read(name, region), latest, lambda: not owner.is_known_dead())


if __name__ == "__main__":
    main(*sys.argv[1:])
