"""The emulated account on disk at all times, not only after an orderly end.

The emulator saves its state when it is asked to stop: restarted after a crash, it would be an empty account.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from typing import Any

_PAUSE = 2.0
_SHARE = 0.1  # of the time, at most: a large account takes a second to look through
_log = logging.getLogger("rehearsal.autosave")
_QUIET = ("/_ministack/", "/_alb/")


class Autosave:
    """Saves what has changed, a moment after the requests that may have changed it.

    ``app`` and ``persistence`` are the emulator's modules.
    """

    def __init__(self, app: Any, persistence: Any) -> None:
        self._app = app
        self._persistence = persistence
        self._asked = threading.Event()
        self._saved: dict[str, str] = {}

    def install(self) -> None:
        """Listen to requests, and begin to save."""
        serve = self._app.app

        async def listening(scope: Any, receive: Any, send: Any) -> None:
            await serve(scope, receive, send)
            if scope["type"] == "http" and not scope["path"].startswith(_QUIET):
                self._asked.set()

        self._app.app = listening
        threading.Thread(target=self._run, name="autosave", daemon=True).start()

    def save(self) -> list[str]:
        """Save the services that differ from what was saved last, and return their names."""
        changed = []
        for name, get_state in self._app._build_persistence_save_dict().items():
            try:
                state = get_state()
                print_ = _fingerprint(state, self._persistence._json_default)
            except (RuntimeError, TypeError, ValueError) as error:
                # Changed while it was read, or cannot be written as JSON: it is saved next time.
                _log.debug("%s: %s", name, error)
                continue
            if state is not None and print_ != self._saved.get(name):
                self._persistence.save_state(name, state)
                self._saved[name] = print_
                changed.append(name)
        return changed

    def _run(self) -> None:
        pause = _PAUSE
        while True:
            self._asked.wait()
            time.sleep(pause)
            self._asked.clear()
            begin = time.monotonic()
            self.save()
            pause = max(_PAUSE, (time.monotonic() - begin) / _SHARE)


def _fingerprint(state: object, encode: Any) -> str:
    def short(value: object) -> object:
        # Content is kept with its digest or ETag: its length is enough to notice a change.
        if isinstance(value, (bytes, bytearray)):
            return len(value)
        return encode(value)

    return hashlib.sha256(json.dumps(state, default=short).encode()).hexdigest()
