"""How the source's bucket is configured: what of it the target will not have, and what to do about it.

The mirror writes no configuration: the target's buckets are the stack's, private, encrypted and versioned.
So nothing becomes public that was not; what the source has beyond that is named, and what the inventory can
give to the target in the form in which it is written there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from engines.objects.bucket_rules import cors_rules, lifecycle_rules
from engines.objects.errors import code_of
from engines.objects.s3 import Store
from engines.objects.xml_answer import Element, ParseError, bare

_DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")
_CLOUDFRONT = "the target stays private, so serve them through CloudFront or by presigned URLs"


class Setting(NamedTuple):
    """One part of a bucket's configuration: how to ask for it, and what to say of an answer.

    ``told`` returns nothing where the target needs no more than it has. ``rules`` are those that an entry of
    ``platform_buckets`` can give to the target, in its form: those that the target lacks are told so.
    """

    name: str
    operation: str
    query: str
    root: str
    reported: Callable[[Element], str] = lambda _: ""
    rules: Callable[[Element], list[dict[str, Any]]] | None = None


def _parts(root: Element, name: str) -> list[Element]:
    return [one for one in root.iter() if bare(one) == name]


def _counted(name: str, what: str, remedy: str) -> Callable[[Element], str]:
    def reported(root: Element) -> str:
        count = len(_parts(root, name))
        return f"{count} {what}: {remedy}" if count else ""

    return reported


def _acl(root: Element) -> str:
    public = [one for one in _parts(root, "URI") if (one.text or "").endswith(_EVERYBODY)]
    return f"an ACL that opens it to everybody: {_CLOUDFRONT}" if public else ""


def _encryption(root: Element) -> str:
    kinds = {(one.text or "").strip() for one in _parts(root, "SSEAlgorithm")} - {"", "AES256"}
    if not kinds:
        return ""
    return f"default encryption {', '.join(sorted(kinds))}: the target encrypts with AES256"


def _lock(root: Element) -> str:
    if not any(one.text == "Enabled" for one in _parts(root, "ObjectLockEnabled")):
        return ""
    return "object lock: it can be given to a new bucket alone, and retention is not copied"


def _notifications(root: Element) -> str:
    count = sum(1 for one in root if bare(one).endswith("Configuration"))
    return f"{count} notifications: name their receivers in the target's account" if count else ""


_SETTINGS = (
    Setting("ACL", "GetBucketAcl", "acl", "AccessControlPolicy", _acl),
    Setting(
        "CORS",
        "GetBucketCors",
        "cors",
        "CORSConfiguration",
        rules=cors_rules,
    ),
    Setting(
        "default encryption",
        "GetBucketEncryption",
        "encryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
    ),
    Setting(
        "lifecycle",
        "GetBucketLifecycleConfiguration",
        "lifecycle",
        "LifecycleConfiguration",
        rules=lifecycle_rules,
    ),
    Setting(
        "logging",
        "GetBucketLogging",
        "logging",
        "BucketLoggingStatus",
        _counted("LoggingEnabled", "access log", "CloudTrail's data events log who reads the target"),
    ),
    Setting(
        "notifications",
        "GetBucketNotificationConfiguration",
        "notification",
        "NotificationConfiguration",
        _notifications,
    ),
    Setting("object lock", "GetObjectLockConfiguration", "object-lock", "ObjectLockConfiguration", _lock),
    Setting(
        "replication",
        "GetBucketReplication",
        "replication",
        "ReplicationConfiguration",
        _counted("Rule", "replication rules", "name the replicas in the target's account"),
    ),
    Setting(
        "tags",
        "GetBucketTagging",
        "tagging",
        "Tagging",
        _counted("Tag", "tags of the bucket", "the target has those of the platform"),
    ),
    Setting(
        "website",
        "GetBucketWebsite",
        "website",
        "WebsiteConfiguration",
        lambda _: f"a website of its objects: {_CLOUDFRONT}",
    ),
)


def settings_not_copied(store: Store, target: Store) -> Iterator[str]:
    """Yield what the target will not have of a bucket's configuration, and what to do, one sentence each.

    What a store does not know, it does not have. What may not be read is named in one sentence.
    """
    # What is not answered holds nothing up.
    store, target = (replace(one.hurried(), most_tries=2) for one in (store, target))
    denied = []
    for name, ask in (("policy", _policy), *((one.name, _asker(one, target)) for one in _SETTINGS)):
        try:
            if reported := ask(store):
                yield f"bucket: {reported}"
        except ClientError as error:
            if code_of(error) in _DENIED:
                denied.append(name)
        except (BotoCoreError, ParseError, LookupError, ValueError):
            denied.append(name)
    if denied:
        yield f"bucket: configuration that may not be read ({', '.join(denied)})"


def _asker(setting: Setting, target: Store) -> Callable[[Store], str]:
    def ask(store: Store) -> str:
        root = _answer(setting, store)
        if root is None:
            return ""
        return (
            setting.reported(root)
            if setting.rules is None
            else _lacking(setting, setting.rules(root), target)
        )

    return ask


def _answer(setting: Setting, store: Store) -> Element | None:
    root = store.read_xml(setting.operation, [(setting.query, "")])
    # A store that does not know the question may answer another one.
    return root if bare(root) == setting.root else None


def _lacking(setting: Setting, rules: list[dict[str, Any]], target: Store) -> str:
    """Return which of the source's rules the target lacks, as the inventory gives them to it."""
    try:
        root = _answer(setting, target)
        held = [] if root is None or setting.rules is None else setting.rules(root)
    except (BotoCoreError, ClientError, ParseError, LookupError):
        held = []
    lacking = [one for one in rules if one not in held]
    if not lacking:
        return ""
    name, written = setting.query, json.dumps(lacking, ensure_ascii=False)
    what = f"{len(lacking)} {setting.name} rules that the target lacks"
    return f"{what}: give it those that are needed, in its entry of platform_buckets: {name}: {written}"


def _policy(store: Store) -> str:
    text = store.read("GetBucketPolicy", query=[("policy", "")])
    if text.lstrip()[:1] != b"{":
        return ""
    statements = json.loads(text).get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    if any(_is_public(one) for one in statements):
        return f"a policy that opens objects to everybody: {_CLOUDFRONT}"
    count = len(statements)
    return f"a policy of {count} statements: grant their rights to roles in IAM" if count else ""


def _is_public(statement: Any) -> bool:
    principal = statement.get("Principal", "")
    names = principal.values() if isinstance(principal, dict) else [principal]
    is_everybody = any("*" in (name if isinstance(name, list) else [name]) for name in names)
    return statement.get("Effect") == "Allow" and is_everybody and not statement.get("Condition")
