"""Injected states: what a test asks the emulated account to be in, and no call of AWS brings about at will.

``PUT /_ministack/stacks/NAME/STATUS`` puts a stack into a status, with the failure that would have led to it.
Like the emulator's own pages it is reached from this machine alone.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415

_PATH = re.compile(r"/_ministack/stacks/(?P<name>[A-Za-z][\w-]*)/(?P<status>[A-Z_]+)")
REASON = "injected by a test"


def take_stack_states() -> None:
    """Let a test put a stack into any state."""
    from ministack import app

    serve = app.app

    async def taking(scope: Any, receive: Any, send: Any) -> None:
        found = _PATH.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None:
            await serve(scope, receive, send)
            return
        status = HTTPStatus.NO_CONTENT if _put(found["name"], found["status"]) else HTTPStatus.NOT_FOUND
        await send({"type": "http.response.start", "status": int(status), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app.app = taking


def _put(name: str, status: str) -> bool:
    from ministack.services.cloudformation import _stacks
    from ministack.services.cloudformation.stacks import _add_event

    stack = next((one for (_, _, key), one in _stacks.all_items() if key == name), None)
    if stack is None:
        return False
    if status.endswith("_FAILED"):
        operation = status.partition("_")[0]
        failed = f"{operation if operation in {'CREATE', 'UPDATE', 'DELETE'} else 'CREATE'}_FAILED"
        _add_event(stack["StackId"], name, "Database", "AWS::RDS::DBInstance", failed, REASON, "")
    stack["StackStatus"] = status
    return True
