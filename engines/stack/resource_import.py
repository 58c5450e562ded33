"""Import of buckets and log groups that an earlier stack has left into the next one, with their content.

A stack that would create what exists is refused. So a stack that does not exist yet is begun by an import of
that alone; the update that follows builds the rest, and brings the imported to what the template says. See
docs/decisions/0011-import-of-existing-buckets.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engines.aws import AwsError, client, translated
from engines.errors import RefusedError
from engines.events import emit
from engines.stack import lifecycle
from engines.stack.errors import StackError
from engines.stack.model import Existing, Stack

CHANGE_SET = "adopt-kept-buckets"
_LOG_GROUP = "AWS::Logs::LogGroup"
# By what each type of resource is known.
_NAMES = {"AWS::S3::Bucket": "BucketName", _LOG_GROUP: "LogGroupName"}
_IDLE = 600.0  # seconds without an event after which the wait for an import ends
_ELSEWHERE = frozenset({"301", "PermanentRedirect", "IllegalLocationConstraintException"})
_CLOSED = frozenset({"403", "AccessDenied", "Forbidden"})


def adopt(
    stack_name: str,
    buckets: Mapping[str, str],
    *,
    tags: Mapping[str, str],
    log_groups: Mapping[str, str] | None = None,
    check: bool = False,
) -> dict[str, Any]:
    """Begin the stack with what exists of ``buckets`` and ``log_groups``, unless it exists itself.

    Both are names by logical id. Returns ``{changed, adopted, adopted_log_groups}``: the names of what is
    imported. A log group that AWS made again after its stack had gone bears no tags: its name is enough. A
    bucket that belongs to another account, is in another region, or does not carry ``tags`` is refused.
    With ``check`` nothing is changed. Raises ``RefusedError``, ``StackError`` and ``AwsError``.
    """
    stack = _begun(stack_name)
    if stack and stack.status != "REVIEW_IN_PROGRESS":
        return {"changed": False, "adopted": [], "adopted_log_groups": []}
    with translated("AWS account"):
        account = str(client("sts").get_caller_identity()["Account"])
    kept = [one for one in (Existing(*each) for each in buckets.items()) if _is_ours(one, tags, account)]
    written = [Existing(*each, _LOG_GROUP) for each in (log_groups or {}).items()]
    found = [*kept, *(one for one in written if _has_log_group(one.name))]
    if stack and not check:
        # A change set that was never executed: an empty shell that can be neither created nor updated.
        lifecycle.delete(stack, _IDLE)
    if found and not check:
        _import(stack_name, found)
    return {
        "changed": bool(found or stack),
        "adopted": [one.name for one in kept],
        "adopted_log_groups": [one.name for one in found if one.type == _LOG_GROUP],
    }


def template(existing: Sequence[Existing]) -> dict[str, Any]:
    """Return the template of an import: names alone, so that the update after it sets everything else."""
    return {
        "Resources": {
            one.logical_id: {
                "Type": one.type,
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {_NAMES[one.type]: one.name},
            }
            for one in existing
        }
    }


def _begun(name: str) -> Stack | None:
    """Return the stack; what a killed run has left AWS importing or deleting is waited for."""
    stack = lifecycle.find(name)
    if stack and stack.status.startswith(("IMPORT_", "DELETE_")):
        after = lifecycle.settle(stack, _IDLE)
        return None if after.status == lifecycle.GONE else after
    return stack


def _is_ours(bucket: Existing, tags: Mapping[str, str], account: str) -> bool:
    """Whether the bucket exists. Raises ``RefusedError`` when it does and is not this platform's."""
    s3 = client("s3")
    subject = f"bucket {bucket.name}"
    try:
        with translated(subject):
            s3.head_bucket(Bucket=bucket.name, ExpectedBucketOwner=account)
    except AwsError as error:
        if error.code in {"404", "NoSuchBucket", "NotFound"}:
            return False
        if error.code in _CLOSED:
            raise _refused(subject, f"exists, and is not account {account}'s, or closed to you") from error
        if error.code in _ELSEWHERE:
            raise _refused(subject, "exists in another region") from error
        raise
    carried = _tags_of(s3, bucket.name)
    missing = [f"{key}={value}" for key, value in tags.items() if carried.get(key) != value]
    if missing:
        raise RefusedError(
            f"exists, and does not carry the tag {missing[0]}, so it was not made for this platform",
            subject=subject,
            remedy=f"Name another in platform_buckets; or, if it may be used, tag it {', '.join(missing)}.",
        )
    return True


def _has_log_group(name: str) -> bool:
    with translated(f"log group {name}"):
        found = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(one["logGroupName"] == name for one in found)


def _refused(subject: str, what: str) -> RefusedError:
    return RefusedError(what, subject=subject, remedy="Name another in platform_buckets.")


def _tags_of(s3: Any, name: str) -> dict[str, str]:
    try:
        with translated(f"bucket {name}"):
            answer = s3.get_bucket_tagging(Bucket=name)
    except AwsError as error:
        if error.code == "NoSuchTagSet":
            return {}
        raise
    return {one["Key"]: one["Value"] for one in answer["TagSet"]}


def _import(stack_name: str, existing: Sequence[Existing]) -> None:
    """Import what exists into a stack that does not exist yet, and wait until it does."""
    cloudformation = client("cloudformation")
    with translated(f"stack {stack_name}"):
        made = cloudformation.create_change_set(
            StackName=stack_name,
            ChangeSetName=CHANGE_SET,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(template(existing)),
            ResourcesToImport=[_identified(one) for one in existing],
        )
    try:
        with translated(f"stack {stack_name}"):
            _wait(cloudformation, "change_set_create_complete", ChangeSetName=made["Id"])
            cloudformation.execute_change_set(ChangeSetName=made["Id"])
            _wait(cloudformation, "stack_import_complete", StackName=made["StackId"])
    except AwsError as error:
        with translated(f"stack {stack_name}"):
            state = cloudformation.describe_change_set(ChangeSetName=made["Id"])
        raise StackError(
            f"cannot be begun with what exists: {state.get('StatusReason') or error.what}",
            subject=f"stack {stack_name}",
            remedy="Remove what is in the way, and run the same command again.",
        ) from error
    emit("stack.adopted", stack=stack_name, names=[one.name for one in existing])


def _identified(one: Existing) -> dict[str, Any]:
    return {
        "ResourceType": one.type,
        "LogicalResourceId": one.logical_id,
        "ResourceIdentifier": {_NAMES[one.type]: one.name},
    }


def _wait(cloudformation: Any, for_what: str, **which: str) -> None:
    cloudformation.get_waiter(for_what).wait(**which, WaiterConfig={"Delay": 1, "MaxAttempts": int(_IDLE)})
