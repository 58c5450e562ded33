"""The buckets of data in the stack's template: any number of them, and what the service may do in each."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.errors import ConfigurationError

_ROLE = "TaskRole"
_POLICY = "use-buckets"
_READ = ("s3:GetObject",)
_WRITE = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
_ACTIONS = {"write": _WRITE, "read": _READ}
_ACCESS = ("write", "read", "none")
_UPLOADS = {
    "Id": "abandoned-uploads",
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}
_PRIVATE = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
_REVIEWED = {
    "checkov": {
        "skip": [
            {
                "id": "CKV_AWS_18",
                "comment": "Reads are logged by CloudTrail's data events, which are the account's to decide.",
            }
        ]
    }
}
_UNVERSIONED = {"id": "CKV_AWS_21", "comment": "The inventory has said that versions are not kept here."}


@dataclass(frozen=True)
class Bucket:
    """One entry of the inventory: what is kept under ``prefix`` (empty: all) of the bucket ``target``.

    ``lifecycle`` and ``cors`` have rules as CloudFormation writes them. ``access`` is what the service may
    do: ``write`` (read, write and delete objects), ``read`` or ``none``.
    """

    name: str
    target: str
    prefix: str = ""
    versioning: bool = True
    lifecycle: tuple[Mapping[str, Any], ...] = field(default=())
    cors: tuple[Mapping[str, Any], ...] = field(default=())
    access: str = "write"

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> Bucket:
        """Return the entry that a role was given. Raises ``ConfigurationError``."""
        access = given.get("access") or "write"
        if access not in _ACCESS:
            raise ConfigurationError(
                f"{access!r} is no access",
                subject=f"bucket {given['name']}",
                remedy=f"Set {', '.join(_ACCESS)}.",
            )
        return cls(
            name=given["name"],
            target=given["target"],
            prefix=given.get("target_prefix") or "",
            versioning=bool(given.get("versioning", True)),
            lifecycle=tuple(given.get("lifecycle") or ()),
            cors=tuple(given.get("cors") or ()),
            access=access,
        )


def logical_ids(buckets: Sequence[Bucket]) -> dict[str, str]:
    """Return the buckets by logical id, which is made from the name of the first entry that names each.

    Raises ``ConfigurationError`` for names that give the same id.
    """
    found: dict[str, str] = {}
    for bucket in buckets:
        if bucket.target in found.values():
            continue
        words = re.findall(r"[A-Za-z0-9]+", bucket.name)
        logical = "".join(word[0].upper() + word[1:] for word in words) + "Bucket"
        if logical in found or logical == "AccessLogsBucket" or not words:
            raise ConfigurationError(
                "gives the same logical id in the template as another bucket",
                subject=f"bucket {bucket.name}",
                remedy="Rename it in platform_buckets, by more than signs between its words.",
            )
        found[logical] = bucket.target
    return found


def with_buckets(template: Mapping[str, Any], buckets: Sequence[Bucket]) -> dict[str, Any]:
    """Return ``template`` with the buckets, their policies and outputs, and the rights of the task role."""
    made = copy.deepcopy(dict(template))
    for logical, name in logical_ids(buckets).items():
        entries = [one for one in buckets if one.target == name]
        made["Resources"][logical] = _bucket(name, entries)
        made["Resources"][f"{logical}Policy"] = _policy(logical)
        made["Outputs"][logical] = {"Description": f"The bucket {entries[0].name}", "Value": {"Ref": logical}}
    statements = list(_statements(buckets))
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        made["Resources"][_ROLE]["Properties"]["Policies"] = [
            {"PolicyName": _POLICY, "PolicyDocument": document}
        ]
    return made


def _bucket(name: str, entries: Sequence[Bucket]) -> dict[str, Any]:
    """Return a bucket that is private and encrypted, and outlives the stack.

    Except when its very creation fails: then it is empty, and would stand in the way of the next attempt.
    """
    versioned = any(one.versioning for one in entries)
    metadata = copy.deepcopy(_REVIEWED)
    if not versioned:
        metadata["checkov"]["skip"].append(dict(_UNVERSIONED))
    rules = [_UPLOADS, *(rule for one in entries for rule in one.lifecycle)]
    origins = [dict(rule) for one in entries for rule in one.cors]
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
        "Metadata": metadata,
        "Properties": {
            "BucketName": name,
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict(_PRIVATE),
            **({"VersioningConfiguration": {"Status": "Enabled"}} if versioned else {}),
            "LifecycleConfiguration": {"Rules": [dict(rule) for rule in rules]},
            **({"CorsConfiguration": {"CorsRules": origins}} if origins else {}),
        },
    }


def _policy(logical: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [_arn(logical), _objects(logical, "")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": {"Ref": logical},
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }


def _statements(buckets: Sequence[Bucket]) -> Iterator[dict[str, Any]]:
    """Yield what the task role may do, each with few words: IAM takes 10,240 characters in all."""
    ids = {target: logical for logical, target in logical_ids(buckets).items()}
    used = [one for one in buckets if one.access != "none"]
    whole = dict.fromkeys(ids[one.target] for one in used if not one.prefix)
    if whole:
        arns = [_arn(logical) for logical in whole]
        yield _allow("ListBuckets", ("s3:GetBucketLocation", "s3:ListBucket"), arns)
    for number, one in enumerate(used, start=1):
        if one.prefix and ids[one.target] not in whole:
            listed = _allow(f"ListPrefix{number}", ("s3:ListBucket",), [_arn(ids[one.target])])
            yield {**listed, "Condition": {"StringLike": {"s3:prefix": [f"{one.prefix}*"]}}}
    for sid, access in (("UseObjects", "write"), ("ReadObjects", "read")):
        objects = [_objects(ids[one.target], one.prefix) for one in used if one.access == access]
        if objects:
            yield _allow(sid, _ACTIONS[access], objects)


def _allow(sid: str, actions: Sequence[str], resources: list[Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}


def _arn(logical: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical, "Arn"]}


def _objects(logical: str, prefix: str) -> dict[str, str]:
    return {"Fn::Sub": f"${{{logical}.Arn}}/{prefix}*"}
