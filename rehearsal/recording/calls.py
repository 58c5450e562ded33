"""What an HTTP request asks of AWS: which IAM action, on which resource, and whether it writes.

The action and the resource are named as the emulator names them when it enforces policies. Whether it writes
is decided here, and an action that is not known to read counts as a write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ministack.core import iam_actions, router

_READS = re.compile(r"(Get|List|Describe|Head|BatchGet|BatchCheck|Lookup|FilterLogEvents|Validate)")
# Named like a read or not, these leave everything as it is: a token, a report that is made on demand.
_ALSO_READ = frozenset(
    {
        "cloudformation:DetectStackDrift", "cloudformation:EstimateTemplateCost", "s3:HeadBucket",
        "ecr:BatchGetImage", "sts:AssumeRole",
    }
)  # fmt: skip
# The emulator's own pages and its load balancers' users.
_NO_API = ("/_alb/", "/_ministack/", "/_localstack/", "/health")
_REGISTRY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/(?P<kind>manifests|blobs|tags)(?P<rest>/.*)?")


@dataclass(frozen=True)
class Call:
    """One request. ``action`` is ``service:Action``; ``?`` stands for what is not known."""

    action: str
    resource: str
    mutates: bool
    method: str
    path: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def classify(method: str, target: str, headers: Mapping[str, str], body: bytes, account: str) -> Call | None:
    """Return what a request asks for, or None when it is no call of an AWS API.

    ``target`` is the request's path with its query, ``headers`` have names in lower case.
    """
    url = urlsplit(target)
    if url.path.startswith(_NO_API) or url.path in {"/v2/", "/v2"}:
        return None
    if registry := _REGISTRY.fullmatch(unquote(url.path)):
        action = _registry_action(method, registry["kind"], registry["rest"] or "")
        name = f"arn:aws:ecr:*:{account}:repository/{registry['name']}"
        return Call(f"ecr:{action}", name, method not in {"GET", "HEAD"}, method, url.path)
    query: dict[str, Any] = parse_qs(url.query, keep_blank_values=True)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query = {**parse_qs(body.decode(errors="replace"), keep_blank_values=True), **query}
    known = dict(headers)
    service = router.detect_service(method, url.path, known, query)
    action = iam_actions.extract_iam_action(service, method, url.path, known, body, query) or f"{service}:?"
    region = router.extract_region(known, query)
    resource = iam_actions.extract_resource_arn(
        service, method, url.path, known, body, query, region, account
    )
    return Call(action, resource, _writes(action, method, service), method, url.path)


def _writes(action: str, method: str, service: str) -> bool:
    if service == "s3":
        # What the emulator calls s3:ListBucket or s3:GetObject may be any method; HTTP says what S3 does.
        return method not in {"GET", "HEAD"}
    return not (action in _ALSO_READ or _READS.match(action.partition(":")[2]))


def _registry_action(method: str, kind: str, rest: str) -> str:
    """Return the IAM action that stands behind a request of the registry's own protocol."""
    if kind == "manifests":
        return {"PUT": "PutImage", "DELETE": "BatchDeleteImage"}.get(method, "BatchGetImage")
    if kind == "tags":
        return "ListImages"
    if rest.startswith("/uploads"):
        return {"POST": "InitiateLayerUpload", "PUT": "CompleteLayerUpload"}.get(method, "UploadLayerPart")
    return {"HEAD": "BatchCheckLayerAvailability", "GET": "GetDownloadUrlForLayer"}.get(method, "?")
