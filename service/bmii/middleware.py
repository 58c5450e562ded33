"""What happens around every request: a limit on size, one log line, metrics, and a last line of defence."""

from __future__ import annotations

import time
from typing import Any

import structlog
from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bmii.metrics import Metrics
from bmii.telemetry import UNTRACED

MAX_BODY = 64 * 1024  # bytes
_TOO_LARGE = HTTPException(413, f"the request is larger than {MAX_BODY} bytes")
_log = structlog.stdlib.get_logger("bmii.http")


def error_body(code: str, message: str) -> dict[str, Any]:
    """Return the one shape that every 4xx and 5xx has."""
    return {"error": {"code": code, "message": message}}


def limited(receive: Receive) -> Receive:
    """Return ``receive`` so that it raises status 413 once the body passes ``MAX_BODY``, declared or not."""
    total = 0

    async def receive_limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY:
            raise _TOO_LARGE
        return message

    return receive_limited


class Observe:
    """ASGI middleware: counts, times and logs each request, and turns a defect into a plain 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, limited(receive), watched)
        except Exception:
            _log.exception("unhandled error", method=scope["method"], path=scope["path"])
            if status:
                raise  # the answer has begun: all that is left is to cut it off
            answer = JSONResponse(error_body("internal_error", "something went wrong on our side"), 500)
            await answer(scope, receive, watched)
        finally:
            self._record(scope, status or 500, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], getattr(scope.get("route"), "path", "unmatched")
        self._metrics.request(method, route, status, seconds)
        write = _log.debug if route in UNTRACED and status < 500 else _log.info  # noqa: PLR2004 - HTTP's own
        write("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 2))
