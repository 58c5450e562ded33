"""What a registry's refusal means, and what to do about it."""

from __future__ import annotations

import json

from urllib3 import BaseHTTPResponse

from engines import permissions
from engines.errors import EngineError

# What pushing an image and pulling it again needs.
_ACTIONS = (
    "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
)  # fmt: skip
_UNAUTHORIZED, _FORBIDDEN = 401, 403


class RegistryError(EngineError):
    """The registry refused, answered wrongly or could not be reached; ``code`` is its own, or empty."""

    def __init__(self, what: str, *, subject: str = "", remedy: str = "", code: str = "") -> None:
        super().__init__(what, subject=subject, remedy=remedy)
        self.code = code


class RepositoryMissingError(RegistryError):
    """There is no such repository."""

    def __init__(self, name: str) -> None:
        super().__init__(
            "does not exist in the registry",
            subject=f"repository {name}",
            remedy="The provision phase creates it: run `ansible-playbook playbooks/provision.yml`.",
            code="NAME_UNKNOWN",
        )


def expect(answer: BaseHTTPResponse, status: int, repository: str, subject: str) -> None:
    """Raise ``RegistryError`` about ``subject`` (a tag or a digest) unless ``answer`` has ``status``."""
    if answer.status == status:
        return
    code, message = parse(answer)
    if code == "NAME_UNKNOWN":
        raise RepositoryMissingError(repository)
    raise RegistryError(
        f"the registry refused ({code or answer.status}): {message}",
        subject=f"{repository}{'@' if ':' in subject else ':'}{subject}",
        remedy=_remedy(answer.status, code, message, repository),
        code=code,
    )


def expect_digest(expected: str, found: str, subject: str) -> None:
    """Raise ``RegistryError`` unless ``found``, which the registry sent or named, is ``expected``."""
    if expected != found:
        raise RegistryError(
            f"the registry answered {found or 'no digest'} for {expected}",
            subject=subject,
            remedy="Its content is damaged, or something in between rewrites it: do not deploy this image.",
            code="DIGEST_MISMATCH",
        )


def parse(answer: BaseHTTPResponse) -> tuple[str, str]:
    """Return the registry's error code and message; the code is empty if it gave none."""
    try:
        first = json.loads(answer.data)["errors"][0]
        return str(first["code"]), str(first.get("message", ""))
    except (ValueError, LookupError, TypeError):
        return "", (answer.reason or f"status {answer.status}")


def wants_new_token(answer: BaseHTTPResponse) -> bool:
    """Return whether the token was not taken; ECR answers 403, not 401, to one that has expired."""
    return answer.status == _UNAUTHORIZED or (
        answer.status == _FORBIDDEN and "expired" in parse(answer)[1].lower()
    )


def _remedy(status: int, code: str, message: str, repository: str) -> str:
    words = message.lower()
    if status == _UNAUTHORIZED or (status == _FORBIDDEN and "expired" in words):
        return "The token has expired or is not for this registry: sign in again and run the same command."
    if status == _FORBIDDEN:
        allowed = permissions.statement(_ACTIONS, f"arn:aws:ecr:*:*:repository/{repository}")
        return f"Add to the policy of these credentials: {allowed}"
    if "immutable" in words:
        return (
            "The repository does not let tags move: raise the version, or drop the tag from container_tags."
        )
    if code == "DIGEST_INVALID":
        return (
            "What arrived is not what was built: delete the folder of container_cache_dir and run it again."
        )
    return ""


class ImageError(EngineError):
    """An image could not be built, or the local cache could not be read."""
