"""Is the service fit to answer? Three checks at once, and an answer within a second whatever they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass

from sqlalchemy import Engine, text

from bmii.database import translated
from bmii.errors import BmiiError

_PATIENCE = 0.8  # seconds; a load balancer's health check asks for an answer in time, not for the last word


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``message`` is empty when all is well."""

    name: str
    message: str = ""


class Health:
    """Runs named checks in parallel. A check that is still running is not started a second time."""

    def __init__(self, checks: Mapping[str, Callable[[], object]]) -> None:
        self._checks = dict(checks)
        self._running: dict[str, Future[str]] = {}
        self._lock = threading.Lock()

    def findings(self) -> list[Finding]:
        """Return one finding per check, in their order."""
        with self._lock:
            futures = {name: self._future(name) for name in self._checks}
        wait(futures.values(), timeout=_PATIENCE)
        late = f"no answer within {_PATIENCE} s"
        return [Finding(name, future.result() if future.done() else late) for name, future in futures.items()]

    def _future(self, name: str) -> Future[str]:
        future = self._running.get(name)
        if future is None or future.done():
            future = self._running[name] = Future()
            # A daemon thread: a check that hangs must not keep the process from ending.
            threading.Thread(target=_run, args=(self._checks[name], future), name=name, daemon=True).start()
        return future


def _run(check: Callable[[], object], future: Future[str]) -> None:
    try:
        check()
    except BmiiError as error:
        future.set_result(error.message)
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        future.set_result(f"unexpected {type(error).__name__}")
    else:
        future.set_result("")


def database_check(engine: Engine) -> Callable[[], None]:
    """Return a check that the database answers and has the service's schema."""

    def check() -> None:
        with translated(), engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM rankings LIMIT 1"))

    return check
