"""Patches of IAM: where the emulator enforces policies otherwise than AWS does.

One function patches each gap, and a test shows when it can go.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from rehearsal.recording import classify

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415

_USER = "AWS:"


def apply() -> None:
    """Patch the enforcement in this process, before it serves."""
    count_loopback_as_tls()
    name_the_account_of_services()
    judge_unknown_resources_by_action()
    enforce_in_registry()


def count_loopback_as_tls() -> None:
    """Let the buckets' policies, which refuse what travels in the clear, take what does not travel."""
    from ministack import app

    pin = app.pin_request_origin
    app.pin_request_origin = lambda address, _: pin(address, True)


def name_the_account_of_services() -> None:
    """Give services, which are the root user to the emulator, the account in whose name they come.

    A role's trust policy asks for it (``aws:SourceAccount``), and no task would get its credentials without.
    """
    from ministack.core import iam_evaluator

    resolve = iam_evaluator._resolve_condition_key

    def with_account(key: str, about: Any) -> Any:
        if key.lower() == "aws:sourceaccount" and about.principal_arn.endswith(":root"):
            return about.principal_account
        return resolve(key, about)

    iam_evaluator._resolve_condition_key = with_account


def judge_unknown_resources_by_action() -> None:
    """Let a policy's resources match where the emulator does not know what a call is about.

    It calls every such resource ``*``, which no policy but one that allows everything would match.
    """
    from ministack.core import iam_evaluator

    matches = iam_evaluator._resource_matches

    def known_or_matching(arn: str, resources: list[str], not_resources: list[str]) -> bool:
        return arn == "*" or matches(arn, resources, not_resources)

    iam_evaluator._resource_matches = known_or_matching


def enforce_in_registry() -> None:
    """Judge what comes by the registry's own protocol by the policies of who got the token.

    Without a token images can be read, as the Fargate runner does, and nothing can be written.
    """
    from ministack.services import ecr

    handle, serve = ecr.handle_request, ecr.handle_registry_request

    async def with_token(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        if headers.get("x-amz-target", "").endswith(".GetAuthorizationToken"):
            return answer[0], answer[1], _with_key_of_caller(headers, answer[2])
        return answer

    async def judged(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        known = {name.lower(): value for name, value in (headers or {}).items()}
        if _may(method, path, known):
            return await serve(method, path, headers, body, query)
        return ecr._registry_error(403, "DENIED", f"not authorized to perform this: {method} {path}")

    ecr.handle_request = with_token
    ecr.handle_registry_request = judged


def _with_key_of_caller(headers: dict[str, str], body: bytes) -> bytes:
    """Put the caller's access key into a registry token: the emulator's is the same for every caller."""
    from ministack.core.router import extract_access_key_id

    answer = json.loads(body)
    token = f"{_USER}{extract_access_key_id(headers)}".encode()
    for data in answer.get("authorizationData", []):
        data["authorizationToken"] = base64.b64encode(token).decode()
    return json.dumps(answer).encode()


def _may(method: str, path: str, headers: dict[str, str]) -> bool:
    from ministack.core import iam_evaluator as iam
    from ministack.core.responses import get_account_id, get_region

    account, region = get_account_id(), get_region()
    call = classify(method, path, headers, b"", account)
    if call is None:
        return True
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return not call.mutates
    key = base64.b64decode(token).decode(errors="replace").removeprefix(_USER)
    caller = iam.resolve_principal(key, account)
    if isinstance(caller, iam.AuthError) or caller.policies is None:
        return not isinstance(caller, iam.AuthError)  # the root user has no policies, and may
    about = iam.EvalContext(
        principal_arn=caller.arn,
        principal_type=caller.type,
        principal_account=caller.account,
        action=call.action,
        resource_arn=call.resource.replace("arn:aws:ecr:*:", f"arn:aws:ecr:{region}:"),
        region=region,
        principal_keys=caller.keys,
    )
    return bool(iam.evaluate(about, caller.policies, *caller.limits).decision == "Allow")
