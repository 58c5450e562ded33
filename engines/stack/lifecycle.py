"""The status of a CloudFormation stack: reading it, waiting for it, deleting the stack."""

from __future__ import annotations

from typing import Any

from engines.aws import AwsError, client, translated
from engines.stack.errors import StackError
from engines.stack.model import Stack
from engines.waiting import wait

GONE = "DELETE_COMPLETE"


def find(name: str) -> Stack | None:
    """Return the stack of this name, or, given its id, what was deleted too; None when there is none."""
    try:
        with translated(f"stack {name}"):
            [found] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except AwsError as error:
        if error.code == "ValidationError" and "does not exist" in error.what:
            return None
        raise
    if found["StackStatus"] == GONE and name != found["StackId"]:
        return None
    return Stack(
        id=str(found["StackId"]),
        name=str(found["StackName"]),
        status=str(found["StackStatus"]),
        reason=str(found.get("StackStatusReason") or ""),
        protected=bool(found.get("EnableTerminationProtection")),
        tags={one["Key"]: one["Value"] for one in found.get("Tags", [])},
    )


def settle(stack: Stack, timeout: float) -> Stack:
    """Return the stack when AWS has finished its work on it.

    Raises ``StackError`` when nothing has happened to it for ``timeout`` seconds.
    """

    def stuck(now: Stack) -> StackError:
        return StackError(
            f"is {now.status}, and nothing has happened for {timeout:.0f} s",
            subject=f"stack {stack.name}",
            remedy="Look at its events in CloudFormation; the same command continues from there.",
        )

    return wait(
        lambda: find(stack.id) or stack,
        lambda now: not now.busy,
        lambda now: _events(now.id) if now.busy else 0,
        timeout=timeout,
        stuck=stuck,
    )


def delete(stack: Stack, timeout: float) -> Stack:
    """Delete the stack and return its last state. Raises ``StackError`` when AWS could not."""
    with translated(f"stack {stack.name}"):
        client("cloudformation").delete_stack(StackName=stack.id)
    after = settle(find(stack.id) or stack, timeout)
    if after.status != GONE:
        raise StackError(
            f"could not be deleted ({after.status}): {_why(after)}",
            subject=f"stack {stack.name}",
            remedy="Remove what is in the way, and run the same command again.",
        )
    return after


def _events(stack_id: str) -> int:
    with translated(f"events of stack {stack_id}"):
        pages = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return sum(len(page["StackEvents"]) for page in pages)


def _why(stack: Stack) -> str:
    """Return the reasons of the resources that failed, the latest first, or the stack's own."""
    with translated(f"stack {stack.name}"):
        answer: Any = client("cloudformation").describe_stack_events(StackName=stack.id)
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in answer["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") and event["LogicalResourceId"] != stack.name
    ]
    return "; ".join(dict.fromkeys(failed[:5])) or stack.reason or "AWS gave no reason"
