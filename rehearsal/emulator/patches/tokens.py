"""Patches of idempotency tokens, which the emulator accepts and ignores.

A client that got no answer asks again with the same token. AWS answers it as it did the first time and does
nothing twice ("Ensuring idempotency" in the ECS API reference; ``ClientRequestToken`` of CreateStack in that
of CloudFormation); a token that comes with another request is refused.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The emulator reads the environment when it is imported, so that happens where it is patched.
# ruff: noqa: PLC0415

_SUCCEEDED = 200
_Handler = Callable[[Any], Any]
_ECS = ("RunTask", "CreateService")
_CLOUDFORMATION = ("CreateStack", "UpdateStack", "DeleteStack")


@dataclass
class Answers:
    """The responses so far, by token; ``scope`` returns the account and region of the request."""

    scope: Callable[[], tuple[str, str]]
    _given: dict[tuple[str, ...], tuple[Any, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def once(
        self, action: str, handle: _Handler, token_of: Callable[[Any], str], refuse: Callable[[], Any]
    ) -> _Handler:
        """Return ``handle``, which carries a request with the same token out once."""

        @functools.wraps(handle)
        def answer(asked: Any) -> Any:
            token = token_of(asked)
            if not token:
                return handle(asked)
            key = (*self.scope(), action, token)
            if key in self._given:
                before, given = self._given[key]
                return given if before == asked else refuse()
            given = handle(asked)
            if given[0] == _SUCCEEDED:
                with self._lock:
                    self._given[key] = (asked, given)
            return given

        return answer


def heed() -> None:
    """Carry out requests with the same token once."""
    from ministack.core.responses import error_response_json, get_account_id, get_region
    from ministack.services import ecs
    from ministack.services.cloudformation import _ACTION_HANDLERS
    from ministack.services.cloudformation.helpers import _error, _p

    answers = Answers(lambda: (get_account_id(), get_region()))

    def conflict() -> Any:
        text = "The request could not be processed due to conflicts: the client token is already in use."
        return error_response_json("ConflictException", text, 400)

    def token_exists() -> Any:
        return _error("TokenAlreadyExistsException", "A client request token already exists.", 400)

    for action in _ECS:
        handle = ecs._ACTION_MAP[action]
        ecs._ACTION_MAP[action] = answers.once(
            action, handle, lambda data: str(data.get("clientToken") or ""), conflict
        )
    for action in _CLOUDFORMATION:
        _ACTION_HANDLERS[action] = answers.once(
            action,
            _ACTION_HANDLERS[action],
            lambda params: str(_p(params, "ClientRequestToken") or ""),
            token_exists,
        )
