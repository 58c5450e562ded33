"""Registering a revision exactly once, even if AWS's response is lost.

ECS takes no token for that, and would register a second revision if the client repeated the call by itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from engines.aws import AwsError, translated
from engines.ecs import inspection, task_definition
from engines.ecs.inspection import Clients

_ATTEMPTS = 7
_PAUSE, _LONGEST_PAUSE = 0.5, 20.0


def register(clients: Clients, request: Mapping[str, Any], before: str) -> str:
    """Register a revision and return its ARN; ``before`` is the latest one's. Raises ``AwsError``."""
    family = str(request["family"])
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with translated(f"task definition {family}"):
                answer = clients.ecs_once.register_task_definition(**request)
        except AwsError as error:
            if not error.is_passing or attempt == _ATTEMPTS:
                raise
            pause = min(_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            if arn := _registered(clients, request, before):
                return arn
        else:
            return str(answer["taskDefinition"]["taskDefinitionArn"])
    raise AssertionError  # the last attempt returns or raises


def _registered(clients: Clients, request: Mapping[str, Any], before: str) -> str:
    """Return the revision that the attempt registered after all; empty when it did not."""
    found = inspection.definition(clients, str(request["family"]))
    if found is None or found["taskDefinitionArn"] == before:
        return ""
    wanted = {key: value for key, value in request.items() if key != "tags"}
    return "" if task_definition.differences(wanted, found) else str(found["taskDefinitionArn"])
