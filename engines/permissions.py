"""What a denial of AWS is about: which IAM action, on which resource, and the statement that allows it.

AWS's answers name the API's operation, which is not always the action that a policy names, and those of S3
name neither: a HEAD's says ``Forbidden`` and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException",
        "AuthorizationError", "Forbidden", "403",
    }
)  # fmt: skip
# Where the answer to a request that was refused carries the request, in its ResponseMetadata.
ATTACHED = "Request"
# What a policy calls otherwise than the API does; each from the Service Authorization Reference.
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListObjects": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListParts": ("s3:ListMultipartUploadParts",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:CopyObject": ("s3:PutObject",),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:UploadPart": ("s3:PutObject",),
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:PutBucketEncryption": ("s3:PutEncryptionConfiguration",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:PutBucketLifecycleConfiguration": ("s3:PutLifecycleConfiguration",),
}
_ASKED = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)
_CALLED = re.compile(r"An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation")
_EXPLICIT = "explicit deny"


@dataclass(frozen=True)
class Request:
    """A call that was denied: the service as IAM names it, the API's operation, and what it was about."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    partition: str = "aws"


def remedy(message: str, request: Request | None = None) -> str:
    """Return what to do about a denial, of which AWS said ``message``; empty when nothing is known of it."""
    actions, resource = _needed(message, request)
    if not actions:
        return ""
    if _EXPLICIT in message:
        return (
            f"A policy denies {' and '.join(actions)} on {resource} explicitly, which no other can allow: "
            "have the one that AWS names above lifted for these credentials."
        )
    return f"Add to the policy of these credentials: {statement(actions, resource)}"


def explain(said: str, service: str, parameters: Mapping[str, Any]) -> str:
    """Return what a stock module ``said`` of its failure, with the remedy where it was denied.

    Its message names the API's operation; ``service`` and ``parameters`` are what it was asked to do.
    """
    found = remedy_of(said, service, parameters)
    return f"{said.rstrip('. ')}. {found}" if found else said


def remedy_of(said: str, service: str, parameters: Mapping[str, Any]) -> str:
    """Return what to do about a denial of which a stock module ``said`` this; empty if it is about none."""
    called = _CALLED.search(said)
    if called is None or called["code"] not in DENIED:
        return ""
    return remedy(said, Request(service, called["operation"], parameters))


def needs(message: str, request: Request | None = None) -> str:
    """Return what a denied call needs in a few words, for one of many; empty when nothing is known of it."""
    actions, resource = _needed(message, request)
    return f"needs {' and '.join(actions)} on {resource}" if actions else ""


def _needed(message: str, request: Request | None) -> tuple[tuple[str, ...], str]:
    """Return the actions and the resource that a denial is about."""
    if named := _ASKED.search(message):
        resource = (named["resource"] or "").rstrip(".,")
        return (named["action"],), resource or (_resource(request) if request else "*")
    if request is None:
        return (), ""
    wanted = f"{request.service}:{request.operation}"
    return _ACTIONS.get(wanted, (wanted,)), _resource(request)


def statement(actions: tuple[str, ...], resource: str) -> str:
    """Return the statement of an IAM policy that allows ``actions`` on ``resource``."""
    what = actions[0] if len(actions) == 1 else list(actions)
    return json.dumps({"Effect": "Allow", "Action": what, "Resource": resource})


def _resource(request: Request) -> str:
    """Return the ARN of what a call was about; ``*`` where it says too little for one."""
    given = request.parameters
    if request.service == "s3" and "Bucket" in given:
        arn = f"arn:{request.partition}:s3:::{given['Bucket']}"
        key = "*" if request.operation == "DeleteObjects" else given.get("Key")
        return f"{arn}/{key}" if key else arn
    return next((str(value) for value in given.values() if str(value).startswith("arn:")), "*")
