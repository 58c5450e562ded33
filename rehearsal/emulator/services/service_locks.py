"""Locks by which one thread at a time works on a service of the emulated ECS.

A request, the scheduler and the threads of its tasks all read and write a service in several steps. Between
two steps of one, another finds a new revision without its deployment, or a failed one still in charge: it
then stops the tasks that serve users, or starts one twice.
"""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any


class ServiceLocks:
    """The locks of all services, by key."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def serialize(self, work: Callable[..., Any], key_of: Callable[..., str]) -> Callable[..., Any]:
        """Return ``work``, done by one thread at a time for each key that ``key_of`` gives."""

        @functools.wraps(work)
        def serialized(*arguments: Any, **options: Any) -> Any:
            with self._locks[key_of(*arguments)]:
                return work(*arguments, **options)

        return serialized
