"""How events of engines, which work in other processes, reach what is shown: a file that they append to."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.events import SCREEN

_PREFIX = "bmii-screen-"


class Channel:
    """A file of this process, which the environment names to processes that it starts."""

    def __init__(self) -> None:
        _remove_those_of_the_dead()
        handle, name = tempfile.mkstemp(prefix=f"{_PREFIX}{os.getpid()}-")
        self.path, self._handle, self._rest = Path(name), handle, b""
        os.environ[SCREEN] = name

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the events that came since it was last asked."""
        while part := os.read(self._handle, 1 << 16):
            self._rest += part
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event

    def close(self) -> None:
        """Remove the file; what is emitted later is dropped."""
        os.environ.pop(SCREEN, None)
        with contextlib.suppress(OSError):
            os.close(self._handle)
        self.path.unlink(missing_ok=True)


def _remove_those_of_the_dead() -> None:
    """Remove what runs of this user left that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if path.stat().st_uid == os.getuid() and not _is_alive(int(pid)):
                path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
