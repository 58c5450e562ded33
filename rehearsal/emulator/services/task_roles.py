"""The credentials endpoint of a task's role, as on Fargate.

The emulator gives tasks an address and a token, and serves the credentials of one and the same role there,
whatever the token.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

_PATH = "/v2/credentials/"
Assume = Callable[[str, str], Mapping[str, Any]]  # role ARN, session name -> what AssumeRole answers


class TaskRoles:
    """Issues temporary credentials, each to the task that knows the token. ``assume`` asks for them."""

    def __init__(self, assume: Assume) -> None:
        self._assume = assume
        self._granted: dict[str, tuple[str, str, str]] = {}

    def grant(self, path: str, token: str, role_arn: str, task_arn: str) -> None:
        """Let who knows ``token`` have the credentials of ``role_arn`` at ``path``."""
        self._granted[path] = (token, role_arn, task_arn.rsplit("/", 1)[-1])

    def answer(self, path: str, token: str) -> tuple[int, dict[str, str]]:
        """Return the status and the body for a request."""
        known, role_arn, session = self._granted.get(path, ("", "", ""))
        if not known or not hmac.compare_digest(known, token):
            return HTTPStatus.FORBIDDEN, {"message": "no such credentials"}
        found = self._assume(role_arn, session)["Credentials"]
        return HTTPStatus.OK, {
            "RoleArn": role_arn,
            "AccessKeyId": found["AccessKeyId"],
            "SecretAccessKey": found["SecretAccessKey"],
            "Token": found["SessionToken"],
            "Expiration": found["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def install(self, app: Any) -> None:
        """Serve the credentials in front of ``app``, the emulator's module."""
        serve = app.app

        async def with_credentials(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(_PATH):
                await serve(scope, receive, send)
                return
            token = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            status, body = await asyncio.to_thread(self.answer, scope["path"], token)
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": int(status), "headers": headers})
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})

        app.app = with_credentials
