"""Recovery of a stack that is stuck, by consent, and why a stack could not be applied."""

from __future__ import annotations

from typing import Any

from engines import permissions
from engines.aws import client, translated
from engines.errors import EngineError
from engines.events import emit
from engines.stack import lifecycle
from engines.stack.errors import StackError
from engines.stack.model import Event, Stack
from engines.stack.recovery.conditions import Condition, condition

_SHELL = "REVIEW_IN_PROGRESS"
_CORRECT = "Correct that, and run the same command again."
# What the stock module says when AWS did not even begin.
_REFUSED = "Failed to"


def recover(name: str, consent: str = "", *, check: bool = False, timeout: float = 600) -> dict[str, Any]:
    """Wait for what AWS does to the stack ``name``, and repair what is stuck if ``consent`` names it.

    Returns ``{changed, status, condition, recovered}``; a stack that is fine, or is not there, is unchanged.
    With ``check`` nothing is waited for or changed. Raises ``StackError`` with the cause and what to do for
    one that is stuck, and when nothing has happened for ``timeout`` seconds; and ``AwsError``.
    """
    stack = lifecycle.find(name)
    if stack and stack.busy and not check:
        stack = lifecycle.settle(stack, timeout)
    if stack is None or stack.status == lifecycle.GONE:
        return {"changed": False, "status": "", "condition": "", "recovered": ""}
    found = condition(name, stack.status, events(stack.id))
    sound = found.step in {"none", "wait"} or stack.status == _SHELL  # a shell is begun anew by the import
    result = {"changed": False, "status": stack.status, "condition": "" if sound else found.sentence}
    if sound or (check and consent != name):
        return {**result, "recovered": ""}
    if consent != name:
        raise StackError(found.sentence, subject=f"stack {name}", remedy=_command(found))
    if not check:
        emit("stack.recover", stack=name, step=found.step)
        _act(found, stack, timeout)
    return {**result, "changed": True, "recovered": found.does}


def explain(name: str, said: str = "") -> StackError:
    """Return the error about a stack that could not be applied; ``said`` is what the call was answered."""
    denied = _denied(said)
    stack = None if denied else lifecycle.find(name) or _deleted(name)
    if stack is None or said.startswith(_REFUSED):
        reason = said or "could not be applied, and AWS gave no reason"
        return StackError(reason, subject=f"stack {name}", remedy=denied or _CORRECT)
    found = condition(name, stack.status, events(stack.id))
    if found.step not in {"none", "wait"} and stack.status != lifecycle.GONE:
        return StackError(found.sentence, subject=f"stack {name}", remedy=f"Correct that. {_command(found)}")
    what = "its creation failed, and what was built of it was removed"
    if stack.status != lifecycle.GONE:
        what = "an update of it failed, and was taken back"
    cause = f" The first failure: {found.cause}" if found.cause else f" {said}".rstrip()
    return StackError(f"{what}.{cause}", subject=f"stack {name}", remedy=_CORRECT)


def events(stack_id: str) -> list[Event]:
    """Return what has happened to the stack, the latest first."""
    with translated(f"events of stack {stack_id}"):
        pages = client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return [
            Event(
                time=f"{one['Timestamp']:%Y-%m-%dT%H:%M:%SZ}",
                logical_id=str(one["LogicalResourceId"]),
                type=str(one["ResourceType"]),
                status=str(one["ResourceStatus"]),
                reason=str(one.get("ResourceStatusReason") or ""),
            )
            for page in pages
            for one in page["StackEvents"]
        ]


def _denied(said: str) -> str:
    return permissions.remedy(said) or permissions.remedy_of(said, "cloudformation", {})


def _command(found: Condition) -> str:
    return f"Run the same command with `-e provision_recover_stack={found.name}`: it will {found.does}."


def _act(found: Condition, stack: Stack, timeout: float) -> None:
    cloudformation, subject = client("cloudformation"), f"stack {stack.name}"
    if found.step == "delete":
        _unprotect(stack)
        lifecycle.delete(stack, timeout)
        return
    with translated(subject):
        if found.step == "continue":
            cloudformation.continue_update_rollback(StackName=stack.id)
        else:
            cloudformation.rollback_stack(StackName=stack.id)
    after = lifecycle.settle(lifecycle.find(stack.id) or stack, timeout)
    now = condition(stack.name, after.status, events(stack.id))
    if now.step != "none":
        raise StackError(now.sentence, subject=subject, remedy=f"Correct that. {_command(now)}")


def _unprotect(stack: Stack) -> None:
    """Let a stack be deleted that is stuck: a creation of old set protection before it was finished."""
    cloudformation, rds = client("cloudformation"), client("rds")
    with translated(f"stack {stack.name}"):
        if stack.protected:
            cloudformation.update_termination_protection(
                StackName=stack.id, EnableTerminationProtection=False
            )
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.id)
        databases = [
            str(one["PhysicalResourceId"])
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == "AWS::RDS::DBInstance"
            and one.get("PhysicalResourceId")
            and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]
    for name in databases:
        try:
            with translated(f"database {name}"):
                rds.modify_db_instance(
                    DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True
                )
        except EngineError as error:
            if "NotFound" not in getattr(error, "code", ""):
                raise


def _deleted(name: str) -> Stack | None:
    """Return the stack of this name that was deleted last."""
    with translated(f"stack {name}"):
        pages = client("cloudformation").get_paginator("list_stacks")
        found = [
            one
            for page in pages.paginate(StackStatusFilter=[lifecycle.GONE])
            for one in page["StackSummaries"]
            if one["StackName"] == name
        ]
    latest = max(found, key=lambda one: one.get("DeletionTime") or one["CreationTime"], default=None)
    return lifecycle.find(str(latest["StackId"])) if latest else None
