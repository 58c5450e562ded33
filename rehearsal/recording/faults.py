"""Faults that a recorder puts into the answers of an endpoint, as AWS has them on a bad day."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from rehearsal.recording.calls import Call

THROTTLED, FAILED, DENIED, LOST, LATE = "throttled", "failed", "denied", "lost", "late"
_CODES = {
    THROTTLED: (HTTPStatus.BAD_REQUEST, "ThrottlingException", "Rate exceeded"),
    FAILED: (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", "The request failed"),
    DENIED: (HTTPStatus.FORBIDDEN, "AccessDenied", "Access Denied"),
}
_S3_THROTTLED = (HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
_REGISTRY_THROTTLED = (HTTPStatus.TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded")


@dataclass
class Faults:
    """The faults to come: of each action, which and how often.

    ``LOST`` is an answer that does not arrive although the call was carried out, ``LATE`` one that arrives
    after ``delay`` seconds; the others are refusals, and nothing is carried out.
    """

    delay: float = 20.0
    _coming: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, action: str, fault: str, times: int = 1) -> None:
        """Put ``fault`` into the next answers to ``action`` (such as ``ecs:RunTask``)."""
        with self._lock:
            self._coming.setdefault(action, []).extend([fault] * times)

    def clear(self) -> None:
        """Forget the faults that nobody has met."""
        with self._lock:
            self._coming.clear()

    def take(self, call: Call | None) -> str:
        """Return the fault that ``call`` meets, or nothing."""
        with self._lock:
            coming = self._coming.get(call.action) if call else None
            return coming.pop(0) if coming else ""

    @property
    def left(self) -> list[str]:
        """The actions whose faults nobody has met yet."""
        return [action for action, coming in self._coming.items() if coming]


def refusal(fault: str, call: Call, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body of a refusal, in the protocol in which was asked."""
    status, code, text = _CODES[fault]
    if call.path.startswith("/v2/"):
        status, code, text = _REGISTRY_THROTTLED if fault == THROTTLED else (status, code, text)
        return status, json.dumps({"errors": [{"code": code, "message": text}]}).encode()
    if headers.get("x-amz-target"):
        return status, json.dumps({"__type": code, "message": text}).encode()
    if call.action.startswith("s3:"):
        status, code, text = _S3_THROTTLED if fault == THROTTLED else (status, code, text)
        return status, f"<Error><Code>{code}</Code><Message>{text}</Message></Error>".encode()
    error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    if call.action.startswith("ec2:"):
        return status, f"<Response><Errors>{error}</Errors></Response>".encode()
    return status, f"<ErrorResponse>{error}</ErrorResponse>".encode()
